import type { FastifyInstance } from 'fastify';
import { callerOf } from '../caller.js';
import { ownRequest } from '../requests/own.js';
import { lookAt } from '../requests/view.js';
import type { GatewayServices } from '../services.js';

/** `GET /v1/requests/ID`: where it stands, and its answer once it has ended. */
export function requestsGet(app: FastifyInstance, services: GatewayServices): void {
  app.get<{ Params: { id: string } }>('/v1/requests/:id', async (request) =>
    lookAt(services, await ownRequest(services, callerOf(request), request.params.id)),
  );
}
