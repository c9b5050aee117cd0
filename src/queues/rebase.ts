import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { type DeadlineScale, freshEpoch, priorityOf, standingOf } from '../admission/deadline.js';
import { orderOf } from '../admission/fairness.js';
import { routedRequestSchema } from '../contract/request.js';
import type { Keys } from './keys.js';
import type { PoolQueues } from './pool-queues.js';

const PAGE = 500;

/** Reads the pool's epoch, setting a fresh one where there is none. */
export async function readScale(
  redis: Redis,
  keys: Keys,
  pool: string,
  resolutionMs: number,
  nowMs: number,
): Promise<DeadlineScale> {
  const key = keys.deadlineEpoch(pool);
  await redis.set(key, freshEpoch(resolutionMs, nowMs), 'NX');
  const epochMs = Number(await redis.get(key));
  return { epochMs, resolutionMs };
}

/**
 * Moves a pool's deadline order to a new epoch. Requests are moved in their order and to smaller priorities, so
 * that those waiting keep their order at every moment; one that is added meanwhile under the old epoch stands behind
 * them until the second sweep, which the caller makes once all routers have read the new epoch.
 * @returns how many requests were given a new priority.
 */
export async function rebase(queues: PoolQueues, scale: DeadlineScale): Promise<number> {
  let moved = 0;
  for (const role of ['decode', 'prefill'] as const) {
    // Read at once: workers take from the head meanwhile, and ranks change.
    const ids = await queues.open(role);
    for (let from = 0; from < ids.length; from += PAGE) {
      const page = ids.slice(from, from + PAGE);
      const jobs: (Job | undefined)[] = await Promise.all(page.map((id) => queues[role].getJob(id)));
      for (const job of jobs) moved += await move(job, scale);
    }
  }
  return moved;
}

async function move(job: Job | undefined, scale: DeadlineScale): Promise<number> {
  const request = routedRequestSchema.safeParse(job?.data);
  if (job === undefined || !request.success) return 0;
  const priority = priorityOf(orderOf(request.data, scale.resolutionMs), scale, standingOf(job.priority));
  if (priority === job.priority) return 0;
  try {
    await job.changePriority({ priority });
    return 1;
  } catch {
    return 0; // it has ended meanwhile
  }
}
