import type { PoolObservation } from '../contract/observation.js';
import type { Load } from './load.js';
import type { CapacityFacts, PoolPolicy } from './policy.js';
import type { Replicas } from './replicas.js';

export interface SizingInput {
  observation: PoolObservation;
  policy: PoolPolicy;
  facts: CapacityFacts;
  load: Load;
  /** Ordered so far. */
  desired: Replicas;
  /** The latency window holds only samples of the workers that are ready now. */
  settled: boolean;
  /** 0..1 of requests that miss with however many workers. */
  hopelessShare: number;
}

/** Why a role is short of workers, and how many of them would end it. */
export interface Evidence {
  need: number;
  why: string;
  /** Told by the first tokens of a window, so of a load that may be over. */
  past?: true;
}

/** By role, null: enough. An evidence's need may lie below what is ordered: then more is on its way. */
export interface Shortage {
  prefill: Evidence | null;
  decode: Evidence | null;
}

/**
 * How many workers a load needs. `shortage` is the fast loop's question (what is saturated now), `forRate` the slow
 * loop's. Leaves out on purpose: steps, confirmation, limits and floor, which are the same for every sizing.
 */
export interface Sizing {
  shortage(input: SizingInput): Shortage;
  /** Replicas for so many requests/s within target x buffer; null: unknown. */
  forRate(rps: number, policy: PoolPolicy, facts: CapacityFacts): Replicas | null;
}

/** Most workers that a need is counted to; the limits of a pool lie far below. */
const MOST = 4096;

/** A computed need as a whole number of workers; what cannot be computed needs none. */
export function wholeWorkers(need: number): number {
  if (Number.isNaN(need)) return 0;
  // A need of 2.0000000001 is one of 2.
  return Math.min(MOST, Math.max(0, Math.ceil(need - 1e-9)));
}
