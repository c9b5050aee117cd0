import type { FastifyInstance } from 'fastify';
import type { GatewayConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';

/** Refuses whoever has no API key, where keys are asked for. Health checks need none. */
export function requireKeys(app: FastifyInstance, { auth }: GatewayConfig): void {
  if (auth === 'none') return;
  app.addHook('onRequest', async (request) => {
    if (request.url.startsWith('/health/')) return;
    throw new SluiceError(
      'unauthorized',
      'expected an API key as "authorization: Bearer KEY", got none that is valid',
    );
  });
}
