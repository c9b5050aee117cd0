import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../../../contract/errors.js';
import { operate, operationSchema } from '../../../dashboard/operate.js';
import { callerOf } from '../../caller.js';
import type { GatewayServices } from '../../services.js';
import { assertMayOperate } from './guard.js';

/** `POST /dashboard/operate`: an operator's hand on planners and workers. Only JSON: no other site's form can send that. */
export function operateRoute(app: FastifyInstance, services: GatewayServices): void {
  app.post('/dashboard/operate', async (request) => {
    assertMayOperate(request, services.config.gateway.auth);
    const parsed = operationSchema.safeParse(request.body);
    if (!parsed.success) {
      const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'body'}: ${issue.message}`);
      throw new SluiceError('invalid_request', wrong.join('; '));
    }
    const { tenant, key } = callerOf(request);
    const who = key === null ? 'local' : `${tenant} (key ${key.id})`;
    return { outcome: await operate(services, parsed.data, who) };
  });
}
