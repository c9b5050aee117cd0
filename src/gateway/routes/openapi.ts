import type { FastifyInstance } from 'fastify';
import { openapiDocument, type Route } from '../openapi/document.js';

/** The queue boards are pages with an interface of their own. */
const BOARDS = /^\/queues(\/|$)/;

/** `GET /openapi.json`: the OpenAPI document of every route. Call before the other routes are there. */
export function openapi(app: FastifyInstance): void {
  const routes: Route[] = [];
  app.addHook('onRoute', ({ method, url: path }) => {
    if (BOARDS.test(path)) return;
    for (const one of [method].flat()) routes.push({ method: one, path });
  });
  let document: object | undefined;
  app.get('/openapi.json', async () => {
    document ??= openapiDocument(routes);
    return document;
  });
}
