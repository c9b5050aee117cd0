import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SluiceError } from '../../../contract/errors.js';
import { type Asset, PAGE_HEADERS, pageAssets } from '../../../dashboard/assets.js';

/** `GET /` and `GET /assets/:name`: the dashboard's page. It holds no figures, so it needs no key. */
export function page(app: FastifyInstance): void {
  const assets = pageAssets();
  const answer = (path: string) => async (request: FastifyRequest, reply: FastifyReply) => {
    const asset = assets.get(path);
    if (asset === undefined)
      throw new SluiceError('not_found', 'the page is not built here; run `npm run build`');
    return send(asset, request, reply);
  };
  app.get('/', answer('/'));
  for (const path of assets.keys()) if (path !== '/') app.get(path, answer(path));
}

function send(asset: Asset, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const accepted = String(request.headers['accept-encoding'] ?? '');
  reply.headers(PAGE_HEADERS).type(asset.type).header('vary', 'accept-encoding');
  reply.header('cache-control', asset.lasting ? 'public, max-age=31536000, immutable' : 'no-cache');
  if (/\bbr\b/.test(accepted)) return reply.header('content-encoding', 'br').send(asset.brotli);
  if (/\bgzip\b/.test(accepted)) return reply.header('content-encoding', 'gzip').send(asset.gzip);
  return reply.send(asset.plain);
}
