import type { PoolObservation } from '../contract/observation.js';
import { meanRate } from './load.js';
import type { Prospect } from './model/late-curve.js';
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
const LEAST = 0.4;
/** An hour that has used little lets what comes use up to so many times the planned share, while the load is even. */
const MOST = 3;
/** What was late too often is won back over so long, at least: at once would cost far more workers than the lateness was worth. */
const WON_BACK_SECONDS = 900;
/** While the load is even, what is left is spent over so long, at least. */
const SPENT_SECONDS = 300;
/** So long after a burst, another is not at hand. */
const EVEN_MS = 900_000;
/** Long prompts are the first to stand aside: of the prompt work at most so many times the share of requests. */
const WORK_FACTOR = 3;

/** What share of requests, and of their prompt work, may be late in the time that is planned for. */
export interface Spending {
  late: number;
  lateWork: number;
  /** Of both, what is late with however many workers. */
  hopeless: Prospect;
  /** So much has been late, or will be before a worker could come, that the hour has no share left to spend. */
  overPace: boolean;
  readonly why: string;
}

/** Share of requests that may miss target x buffer: what the level allows and what the watched percentile leaves. */
export function allowedLate(policy: PoolPolicy): number {
  return Math.min(policy.violationsAllowed, 1 - policy.latencyPercentile / 100);
}

/** What a spending rests on, besides the last hour. */
export interface Ahead {
  /** Requests that wait and stand aside. */
  lateWaiting: number;
  /** Requests to come. */
  expected: number;
  /** No burst is at hand. */
  even: boolean;
  /** Requests until a worker could come, at the pace of the window, and those of them that will be late; none: not known. */
  coming?: { requests: number; late: number } | undefined;
  /** What is late with however many workers; none: no capacity model. */
  hopeless?: Prospect | undefined;
}

const NONE_HOPELESS: Prospect = { late: 0, lateWork: 0 };
const NONE_COMING = { requests: 0, late: 0 };

/**
 * The allowed violations as a budget of the last hour and the time ahead: with N requests ended within the hour, M of them
 * missed, and n to come, the time ahead may use
 *   (planned share x allowed x (N + n) - M - waiting late + pardoned) / n
 * within bounds, wider while the load is `even`. Only a pool that optimises cost spends on purpose. A share h that is late with
 * however many workers is part of the budget while the others can make up for it; where it alone is more than the
 * budget, it is counted apart, and the level is planned for the others.
 */
export function spending(policy: PoolPolicy, outlook: Outlook | null, ahead: Ahead): Spending {
  const { lateWaiting, expected, even, coming = NONE_COMING, hopeless = NONE_HOPELESS } = ahead;
  const allowed = allowedLate(policy);
  if (!policy.costOptimization)
    return of(allowed * UNPLANNED, hopeless, true, () => 'none is spent on purpose');
  const planned = allowed * (even ? PLANNED : PLANNED_BETWEEN_BURSTS);
  const ended = outlook?.ended ?? 0;
  const pardoned = outlook?.pardoned ?? 0;
  const missed = Math.max(0, (outlook?.missed ?? 0) + lateWaiting - pardoned);
  const h = hopeless.late;
  const apart = h >= planned;
  const ofOthers = apart ? Math.max(0, missed - h * (ended + lateWaiting)) / Math.max(1e-9, 1 - h) : missed;
  const left = expected > 0 ? (planned * (ended + expected) - ofOthers) / expected : planned;
  const others = apart || h === 0 ? left : (left - h) / (1 - h);
  const share = Math.min(planned * (even ? MOST : 1), Math.max(allowed * LEAST, others));
  return of(
    share,
    hopeless,
    left < planned || ofOthers + coming.late > planned * (ended + coming.requests),
    () =>
      `${percent(missed / Math.max(1, ended + lateWaiting))} of the last hour's ${Math.round(ended + lateWaiting)} were late` +
      (pardoned > 0 ? `, not counting ${Math.round(pardoned)} of the pool's opening` : ''),
  );
}

/** The time ahead that a budget is planned over, seconds: at least what a decision answers for. */
export function budgetSeconds(decisionSpan: number, even: boolean): number {
  return Math.max(even ? SPENT_SECONDS : WON_BACK_SECONDS, decisionSpan);
}

/**
 * No burst for long, and one would have been seen. The step up to a pool's first load is none.
 * @param lastSpikeAtMs null: none was. @param openUntilMs of the pool's opening; none: no traffic yet
 */
export function isEven(
  policy: PoolPolicy,
  lastSpikeAtMs: number | null,
  openUntilMs: number | undefined,
  now: number,
): boolean {
  if (!policy.burstProtection || openUntilMs === undefined || now < openUntilMs) return false;
  return lastSpikeAtMs === null || lastSpikeAtMs < openUntilMs || now - lastSpikeAtMs >= EVEN_MS;
}

/** What comes until a worker could, should the window's pace last: arrivals, and of what became late what may not be hopeless. */
export function comingBy(seconds: number, seen: Seen): { requests: number; late: number } {
  const { arrivals } = seen.o.load;
  const { all, missed } = becameLate(seen);
  return {
    requests: (meanRate(arrivals, arrivals.length) ?? 0) * seconds,
    late: (Math.max(0, missed - excused(seen.hopelessShare, all)) * seconds) / seen.policy.windowSeconds,
  };
}

/** What a window is judged by. */
export interface Seen {
  o: PoolObservation;
  policy: PoolPolicy;
  outlook: Outlook | null;
  /** 0..1 of requests that miss with however many workers. */
  hopelessShare: number;
}

/** As one decision judges it. */
export interface Spent extends Omit<Seen, 'hopelessShare'> {
  spending: Spending;
}

/**
 * Saturation asks for more: the hour is overdrawn or will be, and the window was overspent. What is over before a worker could
 * come is no reason for one.
 */
export function asksForMore(spent: Spent): boolean {
  return spent.spending.overPace && overspent(spent);
}

/** More became late within the window than ever may, beside what may be hopeless; always so where nothing is spent on purpose, or nothing ended. */
export function overspent({ o, policy, outlook, spending: { hopeless } }: Spent): boolean {
  if (!policy.costOptimization || o.latency.violationShare === null) return true;
  const { all, missed } = becameLate({ o, policy, outlook, hopelessShare: hopeless.late });
  return (missed - excused(hopeless.late, all)) / all > policy.violationsAllowed;
}

/**
 * What became late within the window, and of how many. A request that stands aside has missed when it began to, not when it
 * ends: counted are those that ended late and those that stand aside now beyond those that did a window ago; those that an
 * engine had when the window began count for the past.
 */
function becameLate({ o, outlook }: Seen): { all: number; missed: number } {
  const { violationShare, requests } = o.latency;
  const more = (o.queue.lateWaiting ?? 0) - (outlook?.asideBefore ?? 0);
  // While those that stand aside are worked off, what ran when the window began may have stood aside before it.
  const inside = more < 0 ? Math.min(outlook?.runningBefore ?? 0, -more) : 0;
  return { all: Math.max(1, requests + more), missed: requests * (violationShare ?? 0) + more - inside };
}

/** Of so many requests, those that may well be hopeless ones: their mean number and two deviations (binomial). */
export function excused(hopelessShare: number, requests: number): number {
  const mean = hopelessShare * requests;
  return mean + 2 * Math.sqrt(mean * (1 - hopelessShare));
}

/** `share`: of the requests that are not hopeless. */
function of(share: number, hopeless: Prospect, overPace: boolean, basis: () => string): Spending {
  const late = hopeless.late + share * (1 - hopeless.late);
  const lateWork = hopeless.lateWork + share * WORK_FACTOR * (1 - hopeless.lateWork);
  return new Budget(late, lateWork, hopeless, overPace, basis);
}

/** Its reason is written where it is read: most looks give none. */
class Budget implements Spending {
  constructor(
    readonly late: number,
    readonly lateWork: number,
    readonly hopeless: Prospect,
    readonly overPace: boolean,
    private readonly basis: () => string,
  ) {}

  get why(): string {
    const { late } = this.hopeless;
    const apart = late > 0 ? `; ${percent(late)} are with however many workers` : '';
    return `${percent(this.late)} may be late (${this.basis()}${apart})`;
  }
}
