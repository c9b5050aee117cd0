import type { PoolObservation } from '../contract/observation.js';
import type { WorkerModel } from '../profile/worker-model.js';
import { inTimeTokens } from './load.js';
import type { CapacityFacts } from './policy.js';

/**
 * Never beyond these. A worker that does less than half of what its profile says has a profile to measure again; one that
 * does more than its profile says is left as reserve, since what passes at saturation is the easier part of the load.
 */
const LEAST = 0.5;
const MOST = 1;
/** Weight of one window. */
const WEIGHT = 0.3;
/** What was measured is forgotten by half in so long: a fleet that is never saturated again measures nothing. */
const HALF_LIFE_SECONDS = 6 * 3600;
/** Share of a window's looks at which requests must have waited. */
const SATURATED = 0.9;
/** A queue that grew by so many of each ended request: more came than could be done. */
const GROWTH = 0.05;
/** A window with fewer looks, or fewer ended requests, tells nothing. */
const MIN_LOOKS = 5;
const MIN_ENDED = 50;

/** Plain numbers; part of what a planner keeps in mind. */
export interface CorrectionState {
  /** Measured over predicted throughput of a worker. */
  factor: number;
  looks: number;
  saturated: number;
  /** Ready decode workers, summed over the looks of the window under way. */
  ready: number;
  /** Requests that waited, those aside too, at the first look of the window; null: unknown. */
  waited: number | null;
}

export const NO_CORRECTION: CorrectionState = {
  factor: 1,
  looks: 0,
  saturated: 0,
  ready: 0,
  waited: null,
};

/** Takes one look: whether all workers had more than they could do. */
export function corrected(state: CorrectionState, o: PoolObservation): CorrectionState {
  const tokens = inTimeTokens(o);
  const waits = tokens !== null && tokens > 0;
  return {
    factor: state.factor,
    looks: state.looks + 1,
    saturated: state.saturated + (waits ? 1 : 0),
    waited: state.looks === 0 ? waiting(o) : state.waited,
    ready: state.ready + o.workers.decode.ready,
  };
}

/**
 * Ends a window. Where workers were saturated throughout and the queue grew, what they passed is their capacity, and the factor moves
 * towards measured / predicted; where they were not, they only show that a worker does at least so much. Requests count by
 * the length of the prompts that ended over that of all that come. Bounded, so that it cannot run away, and drawn back to
 * 1 over hours.
 * `predicted`: requests/s of one worker by the profile, uncorrected, at prompts of `isl` tokens in the mean.
 */
export function windowEnded(
  state: CorrectionState,
  o: PoolObservation,
  windowSeconds: number,
  predicted: { rps: number; isl: number },
): CorrectionState {
  const { looks, saturated, ready } = state;
  const drift = 0.5 ** (windowSeconds / HALF_LIFE_SECONDS);
  let factor = 1 + (state.factor - 1) * drift;
  const { requests } = o.latency;
  if (ready > 0 && looks >= MIN_LOOKS && requests >= MIN_ENDED && predicted.rps > 0) {
    const length = (o.load.isl ?? predicted.isl) / predicted.isl;
    const measured = ((requests / windowSeconds / (ready / looks)) * length) / predicted.rps;
    const now = waiting(o);
    const grown = now !== null && state.waited !== null && now - state.waited >= GROWTH * requests;
    if ((grown && saturated >= SATURATED * looks) || measured > factor)
      factor += WEIGHT * (measured - factor);
  }
  return { ...NO_CORRECTION, factor: Math.min(MOST, Math.max(LEAST, factor)) };
}

function waiting({ queue: { prefillWaiting, decodeWaiting } }: PoolObservation): number | null {
  return prefillWaiting === null || decodeWaiting === null ? null : prefillWaiting + decodeWaiting;
}

/** Capacity of a worker that does `factor` times what its profile says. */
export function scaleFacts(facts: CapacityFacts, factor: number): CapacityFacts {
  if (factor === 1) return facts;
  const { halves, ...own } = facts;
  return {
    ...own,
    ...scaled(own, factor),
    ...(halves === undefined ? {} : { halves: scaled(halves, factor) }),
    correction: factor,
  };
}

function scaled<M extends CapacityFacts['model']>(
  {
    rps,
    prefillTokensPerSecond,
    model,
  }: Pick<CapacityFacts, 'rps' | 'prefillTokensPerSecond'> & { model: M },
  factor: number,
) {
  const one = (of: WorkerModel): WorkerModel => ({
    ...of,
    rps: of.rps * factor,
    classes: of.classes.map((each) => ({ ...each, workSeconds: each.workSeconds / factor })),
  });
  return {
    rps: { prefill: rps.prefill * factor, decode: rps.decode * factor },
    prefillTokensPerSecond: prefillTokensPerSecond * factor,
    model: model === null ? model : { ...model, prefill: one(model.prefill), decode: one(model.decode) },
  };
}
