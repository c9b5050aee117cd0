import type { Redis } from 'ioredis';
import type { BudgetStatus } from '../contract/status.js';
import type { Keys } from '../queues/keys.js';
import { type EndCounters, endedCount } from './figures.js';
import { marksKey } from './slots.js';

/** How many requests had ended, and of them attained, by some moment. */
export interface EndMark {
  ended: number;
  attained: number;
}

export function endsOf(figures: EndCounters): EndMark {
  return { ended: endedCount(figures), attained: figures.counters.attained };
}

/**
 * The error budget of the requests that ended between two marks. Burn rate is the share of violations over the share
 * allowed (Beyer et al., "The Site Reliability Workbook", 2018, chapter 5). With nothing allowed, any violation
 * burns without bound, which is `Infinity`.
 */
export function budgetStatus(now: EndMark, before: EndMark | null, violationsAllowed: number): BudgetStatus {
  const requests = Math.max(0, now.ended - (before?.ended ?? 0));
  if (requests === 0) return { requests: 0, attainment: null, burnRate: null, left: null };
  const attainment = Math.min(1, Math.max(0, now.attained - (before?.attained ?? 0)) / requests);
  const missed = 1 - attainment;
  const burnRate = missed === 0 ? 0 : missed / violationsAllowed;
  return { requests, attainment, burnRate, left: 1 - burnRate };
}

/** What had ended `seconds` before `nowMs` (Unix ms), to the minute of the marks; null: the pool is younger. */
export async function readMark(
  redis: Redis,
  keys: Keys,
  pool: string,
  nowMs: number,
  seconds: number,
): Promise<EndMark | null> {
  const key = marksKey(keys, pool);
  const [text] = await redis.zrevrangebyscore(key, nowMs - seconds * 1000, '-inf', 'LIMIT', 0, 1);
  const [, ended, attained] = (text ?? '').split(':').map(Number);
  return ended === undefined || attained === undefined ? null : { ended, attained };
}
