import type { FastifyInstance } from 'fastify';
import { openapiDocument, type Route } from '../openapi/document.js';

/** `GET /openapi.json`: the OpenAPI document of every route. Call before the other routes are there. */
export function openapi(app: FastifyInstance): void {
  const routes: Route[] = [];
  app.addHook('onRoute', ({ method, url: path }) => {
    for (const one of [method].flat()) routes.push({ method: one, path });
  });
  let document: object | undefined;
  app.get('/openapi.json', async () => {
    document ??= openapiDocument(routes);
    return document;
  });
}
