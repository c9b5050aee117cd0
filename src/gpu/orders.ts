import { DelayedError, type Job, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { type ScaleGrant, type ScaleOrder, scaleOrderSchema } from '../contract/scale.js';
import { workerOptions } from '../queues/connection.js';
import type { Keys } from '../queues/keys.js';
import { FencedError } from './ledger.js';

/** Orders are served by the successor after about this time. */
const HAND_OVER_MS = 1000;

/** Reads a scale job. Errors: `invalid_job`, naming what is wrong. */
function parseOrder(data: unknown, config: Config): ScaleOrder {
  const parsed = scaleOrderSchema.safeParse(data);
  if (!parsed.success) {
    throw new SluiceError(
      'invalid_job',
      `not a scale order: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`,
    );
  }
  if (!Object.hasOwn(config.pools, parsed.data.pool)) {
    const known = Object.keys(config.pools).join(', ');
    throw new SluiceError('invalid_job', `expected a pool out of ${known}, got "${parsed.data.pool}"`);
  }
  return parsed.data;
}

/**
 * The BullMQ worker on queue `scale`: one order at a time, its grant the job's return value. A job that is no valid
 * order fails at once; one that meets the loss of the lock goes back to the queue for the successor.
 */
export function scaleWorker(
  connection: Redis,
  keys: Keys,
  config: Config,
  log: Logger,
  handle: (order: ScaleOrder) => Promise<ScaleGrant>,
): Worker {
  const worker = new Worker(
    keys.scaleQueue,
    async (job: Job, token?: string) => {
      try {
        return await handle(parseOrder(job.data, config));
      } catch (error) {
        if (error instanceof FencedError) {
          await job.moveToDelayed(Date.now() + HAND_OVER_MS, token);
          throw new DelayedError();
        }
        const known = SluiceError.from(error);
        log.warn({ jobId: job.id, err: known }, `scale order failed: ${known.message}`);
        throw known.retryable ? new Error(known.toReason()) : new UnrecoverableError(known.toReason());
      }
    },
    {
      ...workerOptions(config.queues),
      connection,
      prefix: keys.gpuPrefix(),
      concurrency: 1,
      skipVersionCheck: true,
      removeOnComplete: { age: config.queues.keepSeconds, count: config.queues.keepJobs },
      removeOnFail: { age: config.queues.keepSeconds, count: config.queues.keepJobs },
    },
  );
  worker.on('error', (error) => log.debug({ err: error }, 'scale queue'));
  return worker;
}
