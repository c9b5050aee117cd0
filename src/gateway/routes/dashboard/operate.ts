import type { FastifyInstance } from 'fastify';
import { answered } from '../../../dashboard/answered.js';
import { operate, operationSchema } from '../../../dashboard/operate.js';
import { callerOf } from '../../caller.js';
import type { GatewayServices } from '../../services.js';
import { parseBody } from './body.js';
import { assertMayOperate } from './guard.js';

/** `POST /dashboard/operate`: an operator's hand on planners and workers. Only JSON: no other site's form can send that. */
export function operateRoute(app: FastifyInstance, services: GatewayServices): void {
  app.post('/dashboard/operate', async (request) => {
    assertMayOperate(request, services.config.gateway.auth);
    const operation = parseBody(operationSchema, request.body);
    // Nothing is asked of a Redis that hangs: it would be done whenever that is back.
    await answered(services.redis.ping());
    const { tenant, key } = callerOf(request);
    const who = key === null ? 'local' : `${tenant} (key ${key.id})`;
    return { outcome: await operate(services, operation, who) };
  });
}
