import { type HourVerdict, judgeHours, within } from './hours.js';
import type { Outcome, PoolOutcome } from './outcome.js';

/** Hours of each pool that its whole budget, held all the time, cannot keep. */
export type ExcusedHours = Readonly<Record<string, readonly number[]>>;

/** A level counts as kept hour by hour from this share of its judged hours on. */
const HOURS_KEPT = 0.98;

export interface PoolVerdict {
  /** Misses within what is allowed, over the whole run. */
  overall: boolean;
  hours: HourVerdict;
  /** At least 98 % of the judged hours were kept. */
  hourly: boolean;
}

export function poolVerdict(pool: PoolOutcome, excused: readonly number[] = []): PoolVerdict {
  const hours = judgeHours(pool.hours, pool.violationsAllowed, new Set(excused));
  return {
    overall: within(pool.requests, pool.attained, pool.violationsAllowed),
    hours,
    hourly: hours.kept >= HOURS_KEPT * hours.judged - 1e-9,
  };
}

/** Whether every level was kept, overall and hour by hour, and no request was lost. */
export function keepsLevels(outcome: Outcome, excused: ExcusedHours): boolean {
  return Object.entries(outcome.pools).every(([name, pool]) => {
    const { overall, hourly } = poolVerdict(pool, excused[name]);
    return overall && hourly && pool.lost === 0;
  });
}

/** Hours that this run, the one with the whole budget all the time, did not keep. */
export function excusedBy(staticFull: Outcome): ExcusedHours {
  return Object.fromEntries(
    Object.entries(staticFull.pools).map(([name, pool]) => [
      name,
      pool.hours
        .filter(({ arrivals, attained }) => !within(arrivals, attained, pool.violationsAllowed))
        .map(({ hour }) => hour),
    ]),
  );
}
