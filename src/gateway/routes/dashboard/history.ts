import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { answered } from '../../../dashboard/answered.js';
import { readSamples, readTransitions } from '../../../dashboard/history.js';
import type { GatewayServices } from '../../services.js';
import { assertMayOperate } from './guard.js';

const zip = promisify(gzip);

/** `GET /dashboard/history`: samples of the last hour and the planners' transitions, for time lines and rewinding. Errors: `no_redis`. */
export function history(app: FastifyInstance, { redis, keys, config }: GatewayServices): void {
  app.get('/dashboard/history', async (request, reply) => {
    assertMayOperate(request, config.gateway.auth);
    const [samples, log] = await answered(
      Promise.all([readSamples(redis, keys), readTransitions(redis, keys, Object.keys(config.pools))]),
    );
    const text = JSON.stringify({ samples, log });
    reply.type('application/json; charset=utf-8').header('cache-control', 'no-store');
    if (!/\bgzip\b/.test(String(request.headers['accept-encoding'] ?? ''))) return text;
    return reply.header('content-encoding', 'gzip').send(await zip(text));
  });
}
