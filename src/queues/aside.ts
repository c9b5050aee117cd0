import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import {
  asidePriority,
  type DeadlineScale,
  priorityOf,
  STARVED_PRIORITY,
  TICKS,
} from '../admission/deadline.js';
import { putBack } from './pull-worker.js';
import { luaScript } from './script.js';

const promoteScript = luaScript(new URL('./lua/promote.lua', import.meta.url));

/** BullMQ orders waiting jobs by priority x 2^32 + a counter. */
const SCORE = 2 ** 32;

/** Lowest score of the jobs that go after those of a priority. */
export function scoreAfter(priority: number): number {
  return (priority + 1) * SCORE;
}

/** Lowest score of those that stand aside. */
export const LATE_SCORE = TICKS * SCORE;

/** Keys of one queue that standing aside needs; `toKey` is BullMQ's. */
interface QueueKeys {
  toKey(type: string): string;
}

/** Puts a taken job back behind all that can still make their target. Always throws. */
export async function standAside(
  job: Job,
  token: string | undefined,
  redis: Redis,
  queue: QueueKeys,
): Promise<never> {
  // BullMQ puts a job back by the priority that its hash has.
  await redis.hset(queue.toKey(job.id ?? ''), 'priority', asidePriority(job.priority));
  return putBack(job, token);
}

/**
 * Lets the request that has stood aside longest go first, if it was due before `dueMs` (Unix ms). Returns whether there was
 * one.
 */
export async function promoteStarved(
  redis: Redis,
  queue: QueueKeys,
  scale: DeadlineScale,
  dueMs: number,
): Promise<boolean> {
  const most = (priorityOf(dueMs, scale, 'late') + 1) * SCORE - 1;
  const id = await promoteScript(
    redis,
    [queue.toKey('prioritized')],
    [LATE_SCORE, most, queue.toKey(''), STARVED_PRIORITY],
  );
  return id !== null;
}
