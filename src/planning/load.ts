import type { PoolObservation } from '../contract/observation.js';
import type { CapacityFacts, PoolPolicy } from './policy.js';
import type { Replicas } from './replicas.js';

/** Load in the terms of the thresholds; null where unknown. */
export interface Load {
  ready: Replicas;
  /** Requests waiting for either role. */
  waiting: number | null;
  /** Waiting prompt tokens as a share of what the ready workers prefill within TTFT target x buffer. */
  prefillQueue: number | null;
  /** KV usage of the ready decode workers. */
  decodeKv: number | null;
  /** Requests/s over the newest seconds. */
  recentRps: number | null;
  /** Requests/s that the ready workers sustain within target x buffer; null: unknown. */
  capacityRps: number | null;
}

/** Seconds over which the present rate is taken. */
const RECENT_SECONDS = 5;

export function measureLoad(o: PoolObservation, policy: PoolPolicy, facts: CapacityFacts): Load {
  const ready = { prefill: o.workers.prefill.ready, decode: o.workers.decode.ready };
  const { prefillWaiting, decodeWaiting } = o.queue;
  const waitingTokens = inTimeTokens(o);
  // Without a ready prefill worker, prompts go whole to the decode workers.
  const prefillers = ready.prefill > 0 ? ready.prefill : ready.decode;
  const rate = prefillers * facts.prefillTokensPerSecond;
  return {
    ready,
    waiting: prefillWaiting === null || decodeWaiting === null ? null : prefillWaiting + decodeWaiting,
    prefillQueue: waitingTokens === null || rate <= 0 ? null : waitingTokens / (rate * ttftBudget(policy)),
    decodeKv: o.load.kvUsage,
    recentRps: meanRate(o.load.arrivals, RECENT_SECONDS),
    capacityRps: facts.rps.decode > 0 ? serves(ready, policy, facts) : null,
  };
}

/** Waiting prompt tokens without those that stand aside, which hold up nobody; null: unknown. */
export function inTimeTokens({ queue }: PoolObservation): number | null {
  if (queue.waitingTokens === null) return null;
  return Math.max(0, queue.waitingTokens - (queue.lateTokens ?? 0));
}

/** Seconds that planning allows to a first token. */
export function ttftBudget(policy: PoolPolicy): number {
  return policy.targets.ttftSeconds * policy.buffer;
}

/** Requests/s that so many workers sustain: of a disaggregated pair, what its narrower half lets through. */
export function serves(r: Replicas, policy: PoolPolicy, facts: CapacityFacts): number {
  const decode = r.decode * facts.rps.decode;
  return policy.disaggregated && r.prefill > 0 ? Math.min(decode, r.prefill * facts.rps.prefill) : decode;
}

/** Mean of the known ones of so many newest seconds, requests/s; null: none known. */
export function meanRate(arrivals: readonly (number | null)[], seconds: number): number | null {
  const known = arrivals.slice(-seconds).filter((count) => count !== null);
  return known.length === 0 ? null : known.reduce((sum, count) => sum + count, 0) / known.length;
}

/** Without the newest seconds that have not been counted yet; that they come at all is the telemetry age's matter. */
export function counted(arrivals: readonly (number | null)[]): readonly (number | null)[] {
  return arrivals.slice(0, arrivals.findLastIndex((count) => count !== null) + 1);
}

/**
 * Milliseconds before the observation at which the newest arrival lies, or the newest second that nobody counted;
 * 0 while requests run or wait, or that is unknown; null: nothing in sight.
 */
export function sinceTrafficMs(o: PoolObservation): number | null {
  const busy = [o.load.running, o.queue.prefillWaiting, o.queue.decodeWaiting];
  if (busy.some((count) => count === null || count > 0)) return 0;
  const arrivals = counted(o.load.arrivals);
  if (arrivals.length === 0) return o.load.arrivals.length > 0 ? 0 : null;
  const newest = arrivals.findLastIndex((count) => count === null || count > 0);
  return newest < 0 ? null : (o.load.arrivals.length - 1 - newest) * 1000;
}
