import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../../contract/errors.js';
import type { GatewayServices } from '../services.js';

/** `GET /v1/models` and `GET /v1/models/ID`: the models of the pools, with the levels that serve each. */
export function models(app: FastifyInstance, { config, now }: GatewayServices): void {
  const created = Math.floor(now() / 1000);
  const pools = Object.values(config.pools).toSorted((a, b) => a.priority - b.priority);
  const names = [...new Set(pools.map(({ model }) => model))];
  const data = names.map((id) => ({
    id,
    object: 'model',
    created,
    owned_by: 'sluice',
    slo_levels: pools.filter(({ model }) => model === id).map(({ level }) => level),
  }));
  app.get('/v1/models', async () => ({ object: 'list', data }));
  app.get<{ Params: { '*': string } }>('/v1/models/*', async ({ params }) => {
    const found = data.find(({ id }) => id === params['*']);
    if (found !== undefined) return found;
    throw new SluiceError(
      'unknown_model',
      `model: expected one of ${names.join(', ')}, got ${JSON.stringify(params['*'].slice(0, 256))}`,
    );
  });
}
