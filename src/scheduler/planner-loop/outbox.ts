import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type ScaleOrder, scaleOrderSchema } from '../../contract/scale.js';
import type { Keys } from '../../queues/keys.js';

/** Runs of a scale job before it counts as failed, and the first wait between them. */
const ATTEMPTS = 5;
const BACKOFF_MS = 200;
const KEEP = { count: 100 };

/**
 * Sends a pool's scale orders. A job's id is pool and generation, so sending an order again (after a restart, after an
 * outage) adds nothing while the first is known; the allocator drops what is older than it has applied.
 */
export class Outbox {
  readonly #queue: Queue;

  constructor(
    connection: Redis,
    keys: Keys,
    /** The pool's: orders of more important pools are served first. */
    private readonly priority: number,
  ) {
    this.#queue = new Queue(keys.scaleQueue, {
      connection,
      prefix: keys.gpuPrefix(),
      skipVersionCheck: true,
    });
    // A lost connection shows as waiting commands; without a listener it would end the process.
    this.#queue.on('error', () => {});
  }

  async send(order: ScaleOrder): Promise<void> {
    await this.#queue.add('scale', order, {
      jobId: jobIdOf(order),
      priority: this.priority,
      attempts: ATTEMPTS,
      backoff: { type: 'exponential', delay: BACKOFF_MS },
      removeOnComplete: KEEP,
      removeOnFail: KEEP,
    });
  }

  /** Why the order's job failed for good; null: it did not (yet). */
  async failure(order: ScaleOrder): Promise<string | null> {
    const job = await this.#queue.getJob(jobIdOf(order));
    if (!job || !(await job.isFailed())) return null;
    return job.failedReason ?? 'no reason given';
  }

  /** The pool's order of the highest generation that the queue still knows, whatever became of it; null: none. */
  async lastOrder(pool: string): Promise<ScaleOrder | null> {
    const jobs = await this.#queue.getJobs([
      'waiting',
      'prioritized',
      'active',
      'delayed',
      'completed',
      'failed',
    ]);
    let last: ScaleOrder | null = null;
    for (const job of jobs) {
      const order = scaleOrderSchema.safeParse(job?.data).data;
      if (order?.pool === pool && order.generation > (last?.generation ?? 0)) last = order;
    }
    return last;
  }

  async close(): Promise<void> {
    await this.#queue.close();
  }
}

function jobIdOf(order: Pick<ScaleOrder, 'pool' | 'generation'>): string {
  return `${order.pool}-${order.generation}`;
}
