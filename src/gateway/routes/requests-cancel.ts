import type { FastifyInstance } from 'fastify';
import { callerOf } from '../caller.js';
import { ownRequest } from '../requests/own.js';
import { lookAt } from '../requests/view.js';
import type { GatewayServices } from '../services.js';

/** `DELETE /v1/requests/ID`: cancels it, waiting or running; one that has ended stays as it is. */
export function requestsCancel(app: FastifyInstance, services: GatewayServices): void {
  app.delete<{ Params: { id: string } }>('/v1/requests/:id', async (request) => {
    const caller = callerOf(request);
    const { id } = request.params;
    const found = await ownRequest(services, caller, id);
    if (found.lookup.state === 'open') await services.client.cancel(id);
    return lookAt(services, await ownRequest(services, caller, id));
  });
}
