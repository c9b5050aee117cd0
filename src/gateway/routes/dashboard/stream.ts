import type { FastifyInstance } from 'fastify';
import { callerOf } from '../../caller.js';
import type { GatewayServices } from '../../services.js';
import { assertMayOperate } from './guard.js';

/** `GET /dashboard/stream`: the view as server-sent events, whole at first and then as deltas; cut when its key is revoked. */
export function stream(app: FastifyInstance, services: GatewayServices): void {
  const { dashboard, config, revocations, stopping } = services;
  app.get('/dashboard/stream', async (request, reply) => {
    assertMayOperate(request, config.gateway.auth);
    const lastId = request.headers['last-event-id'];
    reply.hijack();
    if (stopping()) {
      // A page comes again after a connection that breaks, not after an answer that refuses it.
      reply.raw.destroy();
      return reply;
    }
    const { revoked, release } = revocations.hold(callerOf(request));
    revoked.catch(() => reply.raw.destroy());
    reply.raw.once('close', release);
    await dashboard.attend(reply.raw, typeof lastId === 'string' ? lastId : undefined);
    return reply;
  });
}
