import type { Candidate } from './candidates.js';
import type { PlannerMemory } from './memory.js';
import type { Replicas } from './replicas.js';

/** A finding and the sentence, with its numbers, that explains it. */
export interface Verdict {
  is: boolean;
  why: string;
}

/** Replicas that would be ordered, and why. */
export interface Proposal {
  replicas: Replicas;
  why: string;
}

export type PlanNumbers = Record<string, number | string | boolean | null>;

/**
 * What the pure `decide` makes of one observation: findings, and for each kind of action what it would order now
 * (null: nothing). Which of them is taken depends on the planner's state and is the machine's part.
 */
export interface Plan {
  pool: string;
  observationId: string;
  /** Unix ms. */
  now: number;
  /** Not fit to act on: telemetry or allocator missing, or orders failing. */
  blind: Verdict;
  /** No request for the configured time. Never true on unknown counts. */
  idle: Verdict;
  /** A burst now, in a pool that protects itself from bursts. */
  spike: Verdict;
  /** No burst for the configured time. */
  calm: Verdict;
  /** The ordered workers are ready (or were given up on). */
  arrived: Verdict;
  /** Nothing drains any more. */
  drained: Verdict;
  /** More than ordered so far. */
  more: Proposal | null;
  /** What the burst needs, if more than ordered so far. */
  surge: Proposal | null;
  /** One worker fewer, by cost optimisation. */
  fewer: Proposal | null;
  /** The floor, where an idle pool holds anything else. */
  floor: Proposal | null;
  /** The same again (an order was lost or failed, or the limits changed). */
  restate: Proposal | null;
  /** In one sentence: what was seen and what follows; `hold` where something is unknown. */
  reason: string;
  numbers: PlanNumbers;
  /** Fleets that were considered, by the slow loop. */
  candidates: readonly Candidate[];
  /** Highest generation that the allocator has been seen to apply; 0: none. */
  seenGeneration: number;
  /** To remember until the next tick. */
  memory: PlannerMemory;
}
