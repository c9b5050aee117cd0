import type { PoolObservation } from '../contract/observation.js';
import type { Outlook } from './outlook.js';
import type { PoolPolicy } from './policy.js';
import { percent } from './words.js';

/** Of the violations that a level allows, the share that a pool plans to use: the rest is for what was not foreseen. */
const PLANNED = 0.9;
/** Where bursts come, they take more of what is left: an hour that plans for all but a tenth ends overdrawn too often. */
const PLANNED_BETWEEN_BURSTS = 0.85;
/** Without cost optimisation a pool leaves this share of the allowed violations to chance and plans to use none. */
const UNPLANNED = 0.3;
/** An overdrawn hour is won back by planning for this share at least, never for none. */
const LEAST = 0.2;
/** An hour that has used little lets what comes use up to so many times the planned share, while the load is even. */
const MOST = 3;
/** What was late too often is won back over so long, at least: at once would cost far more workers than the lateness was worth. */
const WON_BACK_SECONDS = 900;
/** So long after a burst, another is not at hand. */
const EVEN_MS = 900_000;
/** Long prompts are the first to stand aside: of the prompt work at most so many times the share of requests. */
const WORK_FACTOR = 3;

/** What share of requests, and of their prompt work, may be late in the time that is planned for. */
export interface Spending {
  late: number;
  lateWork: number;
  /** So much has been late that what comes may not use the planned share. */
  overPace: boolean;
  why: string;
}

/** Share of requests that may miss target x buffer: what the level allows and what the watched percentile leaves. */
export function allowedLate(policy: PoolPolicy): number {
  return Math.min(policy.violationsAllowed, 1 - policy.latencyPercentile / 100);
}

/**
 * The allowed violations as a budget of the last hour and the time ahead: with N requests ended within the hour, M of them
 * missed, and n to come, the time ahead may use
 *   (planned share x allowed x (N + n) - M - waiting late + pardoned) / n
 * within bounds, wider while the load is `even`. Only a pool that optimises cost spends on purpose.
 */
export function spending(
  policy: PoolPolicy,
  outlook: Outlook | null,
  { lateWaiting, expected, even }: { lateWaiting: number; expected: number; even: boolean },
): Spending {
  const allowed = allowedLate(policy);
  if (!policy.costOptimization) return of(allowed * UNPLANNED, true, 'none is spent on purpose');
  const planned = allowed * (even ? PLANNED : PLANNED_BETWEEN_BURSTS);
  const ended = outlook?.ended ?? 0;
  const pardoned = outlook?.pardoned ?? 0;
  const missed = Math.max(0, (outlook?.missed ?? 0) + lateWaiting - pardoned);
  const left = expected > 0 ? (planned * (ended + expected) - missed) / expected : planned;
  const share = Math.min(planned * (even ? MOST : 1), Math.max(allowed * LEAST, left));
  return of(
    share,
    left < planned,
    `${percent(missed / Math.max(1, ended + lateWaiting))} of the last hour's ${Math.round(ended + lateWaiting)} were late` +
      (pardoned > 0 ? `, not counting ${Math.round(pardoned)} of the pool's opening` : ''),
  );
}

/** The time ahead that a budget is planned over, seconds: at least what a decision answers for. */
export function wonBackSeconds(decisionSpan: number): number {
  return Math.max(WON_BACK_SECONDS, decisionSpan);
}

/** No burst for long, and one would have been seen. @param lastSpikeAtMs null: none was. */
export function isEven(policy: PoolPolicy, lastSpikeAtMs: number | null, now: number): boolean {
  return policy.burstProtection && (lastSpikeAtMs === null || now - lastSpikeAtMs >= EVEN_MS);
}

/**
 * More became late within the window than ever may; always so where nothing is spent on purpose, or nothing ended. A
 * request that stands aside has missed when it began to, not when it ends: counted are those that ended late and those
 * that stand aside now beyond those that did a window ago; those that an engine had when the window began count for the past.
 */
export function overspent(o: PoolObservation, policy: PoolPolicy, outlook: Outlook | null): boolean {
  const { violationShare, requests } = o.latency;
  if (!policy.costOptimization || violationShare === null) return true;
  const more = (o.queue.lateWaiting ?? 0) - (outlook?.asideBefore ?? 0);
  // While those that stand aside are worked off, what ran when the window began may have stood aside before it.
  const inside = more < 0 ? Math.min(outlook?.runningBefore ?? 0, -more) : 0;
  const missed = (requests * violationShare + more - inside) / Math.max(1, requests + more);
  return missed > policy.violationsAllowed;
}

function of(late: number, overPace: boolean, why: string): Spending {
  return { late, lateWork: late * WORK_FACTOR, overPace, why: `${percent(late)} may be late (${why})` };
}
