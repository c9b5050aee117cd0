import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { answered } from '../../../dashboard/answered.js';
import { REQUEST_STATES } from '../../../dashboard/request-view.js';
import type { GatewayServices } from '../../services.js';
import { parseBody } from './body.js';
import { assertMayOperate } from './guard.js';

const LONGEST = 128;
const TEXT = `a text of at most ${LONGEST} characters`;
const text = z.string({ error: TEXT }).max(LONGEST, { error: TEXT }).optional();

function oneOf(values: readonly string[]) {
  return z.enum(values, { error: `one of ${values.join(', ')}` }).optional();
}

/** `GET /dashboard/requests` and `GET /dashboard/requests/ID`: whose requests ever, without what they say. */
export function requestsRoutes(app: FastifyInstance, { dashboard, config }: GatewayServices): void {
  const levels = [...new Set(Object.values(config.pools).map(({ level }) => level))];
  const filterSchema = z.object({
    id: text,
    level: oneOf(levels),
    tenant: text,
    state: oneOf(REQUEST_STATES),
  });
  app.get<{ Querystring: Record<string, unknown> }>('/dashboard/requests', async (request) => {
    assertMayOperate(request, config.gateway.auth);
    const given = Object.entries(request.query).filter(([, value]) => value !== '');
    const filter = parseBody(filterSchema, Object.fromEntries(given));
    return { requests: await answered(dashboard.requests.list(filter)) };
  });
  app.get<{ Params: { id: string } }>('/dashboard/requests/:id', async (request) => {
    assertMayOperate(request, config.gateway.auth);
    return answered(dashboard.requests.detail(request.params.id));
  });
}
