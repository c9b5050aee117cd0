import type { Outlook } from './outlook.js';
import type { PoolPolicy } from './policy.js';
import { percent } from './words.js';

/** Of the violations that a level allows, the share that a pool plans to use: the rest is for what was not foreseen. */
const PLANNED = 0.9;
/** Without cost optimisation a pool leaves this share of the allowed violations to chance and plans to use none. */
const UNPLANNED = 0.3;
/** An overdrawn hour is won back by planning for this share at least, never for none. */
const LEAST = 0.2;
/** An hour that has used little lets the next stretch use up to so many times the planned share. */
const MOST = 1.1;
/** Long prompts are the first to stand aside: of the prompt work at most so many times the share of requests. */
const WORK_FACTOR = 3;

/** What share of requests, and of their prompt work, may be late in the time that is planned for. */
export interface Spending {
  late: number;
  lateWork: number;
  why: string;
}

/** Share of requests that may miss target x buffer: what the level allows and what the watched percentile leaves. */
export function allowedLate(policy: PoolPolicy): number {
  return Math.min(policy.violationsAllowed, 1 - policy.latencyPercentile / 100);
}

/**
 * The allowed violations as a budget of the last hour and the time ahead: with N requests ended within the hour, M of them
 * missed, and n to come, the time ahead may use
 *   (planned share x allowed x (N + n) - M - waiting late) / n
 * within bounds. Only a pool that optimises cost spends on purpose.
 */
export function spending(
  policy: PoolPolicy,
  outlook: Outlook | null,
  lateWaiting: number,
  expected: number,
): Spending {
  const allowed = allowedLate(policy);
  if (!policy.costOptimization) return of(allowed * UNPLANNED, 'none is spent on purpose');
  const planned = allowed * PLANNED;
  const ended = outlook?.ended ?? 0;
  const missed = (outlook?.missed ?? 0) + lateWaiting;
  const left = expected > 0 ? (planned * (ended + expected) - missed) / expected : planned;
  const share = Math.min(allowed * PLANNED * MOST, Math.max(allowed * LEAST, left));
  return of(
    share,
    `${percent(missed / Math.max(1, ended))} of the last hour's ${Math.round(ended)} were late`,
  );
}

function of(late: number, why: string): Spending {
  return { late, lateWork: late * WORK_FACTOR, why: `${percent(late)} may be late (${why})` };
}
