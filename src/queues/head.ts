import type { Redis } from 'ioredis';
import { BORROWED_REQUESTS } from '../admission/fairness.js';
import { luaScript } from './script.js';

const claimScript = luaScript(new URL('./lua/claim-head.lua', import.meta.url));
/** A worker that has not fetched what it claimed by then may be gone. */
const CLAIM_MS = 500;
/** A tenant that floods may have so many requests before one within its share: what a fresh key of it borrows. */
const CLOSE = BORROWED_REQUESTS;

/**
 * Claims the head of a queue for a worker that has room only for requests within their share.
 * @param queue its BullMQ keys @param over tenants that hold more than their part of the worker's places
 * @returns whether the head is one of another tenant or goes close before one, and no other worker has claimed it
 */
export async function claimHead(
  redis: Redis,
  queue: { toKey(type: string): string },
  workerId: string,
  over: readonly string[] = [],
): Promise<boolean> {
  const keys = [queue.toKey('prioritized'), queue.toKey('head-claim')];
  return (await claimScript(redis, keys, [queue.toKey(''), workerId, CLAIM_MS, CLOSE, ...over])) === 1;
}
