import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { STARVED_PRIORITY, standingOf } from '../../admission/deadline.js';
import { STARVED_TAKES, standingAt } from '../../admission/standing.js';
import type { Config, PoolConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { RoutedRequest } from '../../contract/request.js';
import type { Engine } from '../../engines/engine.js';
import { promoteStarved, standAside } from '../../queues/aside.js';
import type { Keys } from '../../queues/keys.js';
import { finalFailure } from '../../queues/pull-worker.js';
import { readScale } from '../../queues/rebase.js';

interface OverloadOptions {
  pool: PoolConfig;
  config: Config;
  engine: Engine;
  keys: Keys;
  redis: Redis;
  now: () => number;
  log: (message: string) => void;
}

/** What a worker does with requests that it could begin too late, by its pool's `overload` policy. */
export class Overload {
  #takes = 0;

  constructor(
    private readonly options: OverloadOptions,
    /** BullMQ's keys of the queue that the worker pulls from. */
    private readonly queue: { toKey(type: string): string },
  ) {}

  /** Whether a request that was just taken is predicted to miss its target; one that began elsewhere goes on. */
  isLate(request: RoutedRequest, job: Job): boolean {
    const { pool, engine, now } = this.options;
    if (pool.overload.policy === 'edf' || job.attemptsMade > 0 || request.disaggregated === true)
      return false;
    // It has stood aside, or has done so for too long and was let go first.
    if (job.priority <= STARVED_PRIORITY || standingOf(job.priority) === 'late') return false;
    const after = engine.firstTokenAfterMs?.(request.isl);
    return after !== undefined && standingAt(request, pool.performanceBuffer, now(), after) === 'late';
  }

  /**
   * Puts it behind those that can still make theirs, refuses it, or has it sent on. Always throws. Errors: `overloaded`,
   * also for the prefill half of a request that its decode worker then sends on.
   */
  async turnAway(request: RoutedRequest, job: Job, token: string | undefined): Promise<never> {
    const { pool, redis, now } = this.options;
    if (pool.overload.policy === 'late') return standAside(job, token, redis, this.queue);
    const waited = ((now() - request.acceptedAtMs) / 1000).toFixed(1);
    throw finalFailure(
      new SluiceError(
        'overloaded',
        `pool ${pool.name} could not begin it in time for a first token within ${pool.targets.ttftSeconds} s ` +
          `(it waited ${waited} s): try again later, or at a looser level`,
      ),
    );
  }

  /** Counts a request that was taken: one in so many may be one that has stood aside for longer than its bound. */
  taken(): void {
    const { pool, config, redis, keys, now, log } = this.options;
    if (pool.overload.policy === 'edf' || ++this.#takes < STARVED_TAKES) return;
    this.#takes = 0;
    // Those accepted before the bound were due a target later.
    const dueMs = now() - (pool.overload.lateBoundSeconds - pool.targets.ttftSeconds) * 1000;
    readScale(redis, keys, pool.name, config.queues.deadlineResolutionMs, now())
      .then((scale) => promoteStarved(redis, this.queue, scale, dueMs))
      .catch((error: unknown) => log(`those that stand aside in ${pool.name}: ${String(error)}`));
  }
}
