import type { FastifyInstance } from 'fastify';
import type { GatewayServices } from '../services.js';
import { chatCompletions } from './chat-completions.js';
import { completions } from './completions.js';
import { history } from './dashboard/history.js';
import { operateRoute } from './dashboard/operate.js';
import { page } from './dashboard/page.js';
import { requestsRoutes } from './dashboard/requests.js';
import { stream } from './dashboard/stream.js';
import { healthLive } from './health-live.js';
import { healthReady } from './health-ready.js';
import { models } from './models.js';
import { openapi } from './openapi.js';
import { requestsCancel } from './requests-cancel.js';
import { requestsCreate } from './requests-create.js';
import { requestsGet } from './requests-get.js';
import { requestsStream } from './requests-stream.js';

/** Every route of the gateway: one verb a file. */
export function routes(app: FastifyInstance, services: GatewayServices): void {
  const all = [
    openapi,
    chatCompletions,
    completions,
    models,
    requestsCreate,
    requestsGet,
    requestsStream,
    requestsCancel,
    healthLive,
    healthReady,
  ];
  for (const route of all) route(app, services);
  for (const route of [page, stream, history, operateRoute, requestsRoutes]) route(app, services);
}
