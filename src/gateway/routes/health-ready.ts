import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../../contract/errors.js';
import { stoppingError } from '../serve/submit.js';
import type { GatewayServices } from '../services.js';

const ANSWER_LIMIT_MS = 1_000;

/** `GET /health/ready`: it takes requests; 503 while it stops, or Redis does not answer or takes no writes. */
export function healthReady(app: FastifyInstance, services: GatewayServices): void {
  app.get('/health/ready', async () => {
    if (services.stopping()) throw stoppingError();
    try {
      await services.client.assertWritable(ANSWER_LIMIT_MS);
    } catch (error) {
      const { code, message } = SluiceError.from(error);
      throw new SluiceError(code === 'internal' ? 'no_redis' : code, message, { retryAfterSeconds: 1 });
    }
    return { status: 'ok' };
  });
}
