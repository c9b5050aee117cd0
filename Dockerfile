# One image for every role; docker-compose.yml starts it once for each.
FROM node:20-slim AS build
WORKDIR /app
COPY . .
# `npm ci` builds (the prepare script); what is left are the packages that the roles need.
RUN npm ci && npm prune --omit=dev --ignore-scripts

FROM node:20-slim
WORKDIR /app
ENV NODE_ENV=production SLUICE_DATA=/data
COPY --from=build /app ./
RUN ln -s /app/bin/sluice.js /usr/local/bin/sluice && mkdir /data && chown node /data
USER node
VOLUME /data
CMD ["sluice", "--help"]
