import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../../contract/errors.js';
import { stoppingError } from '../serve/submit.js';
import type { GatewayServices } from '../services.js';

const ANSWER_LIMIT_MS = 1_000;

/** `GET /health/ready`: it takes requests; 503 while it stops or Redis does not answer. */
export function healthReady(app: FastifyInstance, services: GatewayServices): void {
  app.get('/health/ready', async () => {
    if (services.stopping()) throw stoppingError();
    if (!(await services.client.answers(ANSWER_LIMIT_MS))) {
      throw new SluiceError('no_redis', `Redis has not answered in ${ANSWER_LIMIT_MS} ms`, {
        retryAfterSeconds: 1,
      });
    }
    return { status: 'ok' };
  });
}
