import type { PoolObservation } from '../../contract/observation.js';

/** What a scaling rule is told. Workers are decode or aggregated ones unless said otherwise. */
export interface Look {
  nowMs: number;
  seen: PoolObservation;
  /** Replicas as ordered last: what Kubernetes keeps as spec.replicas. */
  ordered: number;
  orderedPrefill: number;
  ready: number;
  /** Ordered and not ready: they report no metrics. */
  missing: number;
}

/** Replicas that a rule asks for; the scaler keeps them between floor and budget. */
export interface Wish {
  decode: number;
  /** Absent: as many as the pool holds beside decode workers. */
  prefill?: number;
  /** A sentence with its numbers. */
  why: string;
}

/** The rule of one policy: observations up to now -> replicas. */
export interface ScalingRule {
  /** Each look of the pool's planner, for rules that average over time. Not called while telemetry is missing. */
  watch?(look: Look): void;
  /** Once in each of the policy's own intervals, after `watch`; null: as ordered. */
  wish(look: Look): Wish | null;
}
