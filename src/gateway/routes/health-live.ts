import type { FastifyInstance } from 'fastify';

/** `GET /health/live`: the process answers. */
export function healthLive(app: FastifyInstance): void {
  app.get('/health/live', async () => ({ status: 'ok' }));
}
