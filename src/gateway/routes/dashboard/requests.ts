import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { SluiceError } from '../../../contract/errors.js';
import type { GatewayServices } from '../../services.js';
import { assertMayOperate } from './guard.js';

const LONGEST = 128;
const text = z
  .string()
  .max(LONGEST)
  .optional()
  .transform((value) => (value === '' ? undefined : value));
const filterSchema = z.object({ id: text, level: text, tenant: text, state: text });

/** `GET /dashboard/requests` and `GET /dashboard/requests/ID`: whose requests ever, without what they say. */
export function requestsRoutes(app: FastifyInstance, { dashboard, config }: GatewayServices): void {
  app.get('/dashboard/requests', async (request) => {
    assertMayOperate(request, config.gateway.auth);
    const filter = filterSchema.safeParse(request.query);
    if (!filter.success)
      throw new SluiceError('invalid_request', `query: expected texts of at most ${LONGEST} characters`);
    return { requests: await dashboard.requests.list(filter.data) };
  });
  app.get<{ Params: { id: string } }>('/dashboard/requests/:id', async (request) => {
    assertMayOperate(request, config.gateway.auth);
    return dashboard.requests.detail(request.params.id);
  });
}
