import type { FastifyInstance } from 'fastify';
import { queueBoards } from '../boards/boards.js';
import type { GatewayServices } from '../services.js';
import { batches } from './batches.js';
import { chatCompletions } from './chat-completions.js';
import { completions } from './completions.js';
import { history } from './dashboard/history.js';
import { operateRoute } from './dashboard/operate.js';
import { page } from './dashboard/page.js';
import { requestsRoutes } from './dashboard/requests.js';
import { stream } from './dashboard/stream.js';
import { whatIfRoutes } from './dashboard/what-if.js';
import { files } from './files.js';
import { healthLive } from './health-live.js';
import { healthReady } from './health-ready.js';
import { metrics } from './metrics.js';
import { models } from './models.js';
import { openapi } from './openapi.js';
import { quote } from './quote.js';
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
    files,
    batches,
    quote,
    requestsCreate,
    requestsGet,
    requestsStream,
    requestsCancel,
    healthLive,
    healthReady,
    metrics,
    queueBoards,
  ];
  for (const route of all) route(app, services);
  for (const route of [page, stream, history, operateRoute, requestsRoutes, whatIfRoutes])
    route(app, services);
}
