import type { Redis } from 'ioredis';
import { luaScript } from './script.js';

const claimScript = luaScript(new URL('./lua/claim-head.lua', import.meta.url));
/** A worker that has not fetched what it claimed by then may be gone. */
const CLAIM_MS = 500;

/**
 * Claims the head of a queue for a worker that has room only for requests within their share.
 * @param queue its BullMQ keys @returns whether the head is one, and no other worker has claimed it
 */
export async function claimHead(
  redis: Redis,
  queue: { toKey(type: string): string },
  workerId: string,
): Promise<boolean> {
  const keys = [queue.toKey('prioritized'), queue.toKey('head-claim')];
  return (await claimScript(redis, keys, [queue.toKey(''), workerId, CLAIM_MS])) === 1;
}
