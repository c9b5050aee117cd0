import type { PoolConfig } from '../../config/types.js';
import type { PoolObservation } from '../../contract/observation.js';
import type { ScaleOrder } from '../../contract/scale.js';
import type { PlannerState, TransitionRecord } from '../../contract/transition.js';
import type { PoolPolicy } from '../../planning/policy.js';
import type { Profile } from '../../profile/types.js';
import type { PlannerStep } from '../../telemetry/activity.js';

/** Who scales a pool: Sluice's planner, or a policy to compare it with. */
export interface Scaler {
  /** Looks once; returns the order that the allocator has not answered yet, null: none. */
  tick(observation: PoolObservation, nowMs: number): ScaleOrder | null;
  readonly state: PlannerState;
  /** What it has done, in order. */
  readonly steps: readonly PlannerStep[];
}

/** What a scaler is made from. */
export interface ScalerInput {
  pool: PoolConfig;
  policy: PoolPolicy;
  profile: Profile;
  nowMs: number;
  /** Wants each transition record; absent: nobody does. */
  onRecord?: ((record: TransitionRecord) => void) | undefined;
  onDecision?: ((record: TransitionRecord) => void) | undefined;
}
