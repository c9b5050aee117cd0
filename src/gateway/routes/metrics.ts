import type { FastifyInstance } from 'fastify';
import { assertOperator } from '../caller.js';
import type { GatewayServices } from '../services.js';

/**
 * `GET /metrics`: the whole system and this gateway for Prometheus. `GET /metrics/targets`: every process that has
 * metrics, for Prometheus' HTTP service discovery. Both want an operator's key where keys are asked for.
 * Without keys they are told under any host name, unlike the dashboard: scrapers call the gateway by names of their own, and
 * a page of another site could read figures only, no ids and no texts.
 */
export function metrics(app: FastifyInstance, { monitor }: GatewayServices): void {
  app.get('/metrics', async (request, reply) => {
    assertOperator(request);
    return reply.type(monitor.registry.contentType).send(await monitor.metrics());
  });
  app.get('/metrics/targets', async (request) => {
    assertOperator(request);
    return monitor.targets();
  });
}
