import type { FastifyInstance } from 'fastify';
import { Counter, Histogram, type Registry } from 'prom-client';
import { callerOf } from '../caller.js';

/** Tenants with a series of their own; the others share one, so that no number of keys makes endless series. */
const TENANTS_SHOWN = 50;
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300];

/** Counts and times what this gateway answers: by route as it was declared, never by path, and by tenant. */
export function measureHttp(app: FastifyInstance, registry: Registry): void {
  const requests = new Counter({
    name: 'sluice_http_requests_total',
    help: 'HTTP requests that this gateway answered.',
    labelNames: ['method', 'route', 'code'],
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'sluice_http_request_duration_seconds',
    help: 'From the first byte of a request to the last of its answer.',
    labelNames: ['route'],
    buckets: BOUNDS,
    registers: [registry],
  });
  const tenants = new Counter({
    name: 'sluice_tenant_requests_total',
    help: 'Requests to generate, by tenant and outcome; beyond fifty tenants the rest is `other`.',
    labelNames: ['tenant', 'outcome'],
    registers: [registry],
  });
  const shown = new Set<string>();
  app.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'none';
    requests.inc({ method: request.method, route, code: String(reply.statusCode) });
    duration.observe({ route }, reply.elapsedTime / 1000);
    if (request.method === 'POST' && route.startsWith('/v1/')) {
      const { tenant } = callerOf(request);
      if (shown.size < TENANTS_SHOWN) shown.add(tenant);
      tenants.inc({ tenant: shown.has(tenant) ? tenant : 'other', outcome: outcomeOf(reply.statusCode) });
    }
    done();
  });
}

function outcomeOf(status: number): string {
  if (status < 400) return 'served';
  return status === 429 ? 'limited' : status < 500 ? 'refused' : 'failed';
}
