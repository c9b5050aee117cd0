import type { FastifyInstance } from 'fastify';
import { askSchema, cancelSchema } from '../../../dashboard/what-if/ask.js';
import type { GatewayServices } from '../../services.js';
import { parseBody } from './body.js';
import { assertMayOperate } from './guard.js';

/** `/dashboard/what-if`: what may be simulated, a run of it, and how far that is. */
export function whatIfRoutes(app: FastifyInstance, { dashboard, config }: GatewayServices): void {
  app.get('/dashboard/what-if', async (request) => {
    assertMayOperate(request, config.gateway.auth);
    return dashboard.whatIf.offer();
  });
  app.get('/dashboard/what-if/run', async (request) => {
    assertMayOperate(request, config.gateway.auth);
    return { run: dashboard.whatIf.view };
  });
  app.post('/dashboard/what-if/run', async (request, reply) => {
    assertMayOperate(request, config.gateway.auth);
    const run = await dashboard.whatIf.start(parseBody(askSchema, request.body));
    return reply.code(202).send({ run });
  });
  app.post('/dashboard/what-if/cancel', async (request) => {
    assertMayOperate(request, config.gateway.auth);
    return { run: await dashboard.whatIf.cancel(parseBody(cancelSchema, request.body).id) };
  });
}
