import type { FastifyInstance } from 'fastify';

const EXPOSED = 'x-request-id, x-slo-level, x-slo-relegated-from, retry-after';
const PREFLIGHT_SECONDS = '600';

/** Lets pages of these origins call from a browser; with none, no CORS header is ever sent. */
export function allowOrigins(app: FastifyInstance, origins: readonly string[]): void {
  if (origins.length === 0) return;
  const allowed = (origin: string | undefined) =>
    origin !== undefined && (origins.includes('*') || origins.includes(origin));
  app.addHook('onRequest', async (request, reply) => {
    const { origin } = request.headers;
    reply.header('vary', 'origin');
    if (!allowed(origin)) return;
    reply.header('access-control-allow-origin', origin).header('access-control-expose-headers', EXPOSED);
    // A hijacked stream writes its own headers; it takes these over.
    if (request.method !== 'OPTIONS') return;
    reply
      .header('access-control-allow-methods', 'GET, POST, DELETE')
      .header('access-control-allow-headers', request.headers['access-control-request-headers'] ?? '*')
      .header('access-control-max-age', PREFLIGHT_SECONDS);
    return reply.code(204).send();
  });
}
