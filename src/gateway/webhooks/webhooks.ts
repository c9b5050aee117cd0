import { DelayedError, type Job, Queue, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { workerOptions } from '../../queues/connection.js';
import type { Keys } from '../../queues/keys.js';
import type { RequestHandle, SluiceClient } from '../../scheduler/client.js';
import type { Found } from '../../scheduler/pool-router.js';
import { webhookSecret } from '../../tenants/webhook-secret.js';
import { deliver } from './deliver.js';

const jobSchema = z.object({
  requestId: z.string(),
  tenant: z.string(),
  url: z.string(),
  looks: z.number().int(),
});

/** The first, and nine more after 2, 4, 8, ... s: over 17 minutes. */
const ATTEMPTS = 10;
const FIRST_RETRY_MS = 2_000;
/** A request that has not ended is looked at again after 1, 2, 4, ... s; whoever accepted it tells sooner. */
const LONGEST_LOOK_MS = 15_000;
const KEEP = { age: 3600, count: 10_000 };

/**
 * Tells a client's address of the end of its request. Each webhook is a BullMQ job from the moment that the request is
 * accepted, so it is sent whoever dies meanwhile; every gateway delivers.
 */
export class Webhooks {
  readonly #queue: Queue;
  readonly #worker: Worker;

  constructor(
    private readonly options: {
      config: Config;
      redis: Redis;
      keys: Keys;
      client: SluiceClient;
      log: Logger;
      /** How the asynchronous API shows the request. */
      view: (found: Found) => Promise<object>;
    },
    connection: Redis,
  ) {
    const { config, redis, keys } = options;
    const prefix = keys.tenants();
    this.#queue = new Queue(keys.webhooksQueue, { connection: redis, prefix, skipVersionCheck: true });
    this.#worker = new Worker(keys.webhooksQueue, (job, token) => this.#process(job, token), {
      ...workerOptions(config.queues),
      connection,
      prefix,
      concurrency: 32,
      removeOnComplete: KEEP,
      removeOnFail: KEEP,
      skipVersionCheck: true,
    });
    this.#queue.on('error', () => {});
    this.#worker.on('error', (error) => options.log.warn(`webhooks: ${error.message}`));
    this.#worker.on('failed', (job, error) => {
      const data = jobSchema.safeParse(job?.data).data;
      options.log.warn(
        { request: data?.requestId, attempt: job?.attemptsMade, why: error.message },
        'webhook',
      );
    });
  }

  /** Sends a webhook once the request has ended. Resolves when that is durable. */
  async watch(handle: RequestHandle, tenant: string, url: string): Promise<void> {
    const { id: requestId, done } = handle;
    const job = await this.#queue.add(
      'webhook',
      { requestId, tenant, url, looks: 0 },
      {
        jobId: `webhook-${requestId}`,
        delay: 1_000,
        attempts: ATTEMPTS,
        backoff: { type: 'exponential', delay: FIRST_RETRY_MS },
      },
    );
    // Sooner than the next look; without this process the looks find it.
    const tell = () => void job.promote().catch(() => {});
    done.then(tell, () => {});
  }

  async close(): Promise<void> {
    await this.#worker.close();
    await this.#queue.close();
  }

  async #process(job: Job, token: string | undefined): Promise<void> {
    const { client, redis, keys, config, view } = this.options;
    const data = jobSchema.safeParse(job.data).data;
    if (data === undefined) throw new UnrecoverableError('not a webhook');
    const found = await client.find(data.requestId);
    if (found === undefined) throw new UnrecoverableError('its request is no longer kept');
    if (found.lookup.state === 'open') {
      const wait = Math.min(LONGEST_LOOK_MS, 1_000 * 2 ** Math.min(10, data.looks));
      await job.updateData({ ...data, looks: data.looks + 1 });
      await job.moveToDelayed(Date.now() + wait, token);
      throw new DelayedError();
    }
    const timestamp = Math.floor(Date.now() / 1000);
    const { kind } = found.lookup.outcome;
    const body = JSON.stringify({ type: `request.${kind}`, timestamp, data: await view(found) });
    const secret = await webhookSecret(redis, keys, data.tenant);
    try {
      await deliver({ url: data.url, id: job.id ?? '', body, secret, timestamp }, config.gateway.webhooks);
    } catch (error) {
      if (error instanceof SluiceError) throw new UnrecoverableError(error.message);
      throw error;
    }
  }
}
