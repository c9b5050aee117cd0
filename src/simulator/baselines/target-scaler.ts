import type { PoolObservation } from '../../contract/observation.js';
import type { ScaleOrder } from '../../contract/scale.js';
import { atLeast, exceeds, floorOf, NONE, type Replicas, same, trim } from '../../planning/replicas.js';
import type { PlannerStep } from '../../telemetry/activity.js';
import type { Scaler, ScalerInput } from '../run/scaler.js';

/** Workers that a policy wants, and why. */
export interface Want {
  replicas: Replicas;
  reason: string;
}

/**
 * A scaler that states how many workers it wants whenever the planner looks (every `fast_interval_seconds`; a policy with
 * a slower loop answers null in between). This turns it into orders: never below the pool's floor or above its budget, a new
 * generation for each change, and nothing taken away on missing or stale telemetry, which the simulator refuses.
 */
export abstract class TargetScaler implements Scaler {
  readonly state = 'steady';
  readonly steps: PlannerStep[] = [];
  #order: ScaleOrder | null = null;
  #generation = 0;

  constructor(protected readonly input: ScalerInput) {}

  /** What it wants now; null: what it wanted before. Before the first answer the pool is ordered to its floor. */
  protected abstract want(observation: PoolObservation, nowMs: number): Want | null;

  /** Workers that stand ordered. */
  protected get ordered(): Replicas {
    return this.#order ?? NONE;
  }

  tick(observation: PoolObservation, nowMs: number): ScaleOrder | null {
    const granted = observation.grant?.generation ?? 0;
    this.#generation = Math.max(this.#generation, granted);
    this.#take(this.want(observation, nowMs), observation, nowMs);
    return this.#order !== null && granted < this.#order.generation ? this.#order : null;
  }

  #take(want: Want | null, observation: PoolObservation, nowMs: number): void {
    const { policy } = this.input;
    if (want === null && this.#order !== null) return;
    const { replicas, reason } = want ?? { replicas: NONE, reason: 'the floor' };
    const next = trim(atLeast(replicas, floorOf(policy.minWorkers, policy)), policy);
    if (this.#order !== null && same(next, this.#order)) return;
    const { telemetryAgeSeconds: age } = observation;
    const blind = age === null || age > policy.telemetryStaleSeconds;
    if (blind && exceeds(this.ordered, next)) return;
    this.#generation++;
    this.#order = {
      pool: policy.pool,
      generation: this.#generation,
      prefill: next.prefill,
      decode: next.decode,
      reason,
      observationId: observation.id,
    };
    const ordered = next.prefill + next.decode;
    this.steps.push({ atMs: nowMs, from: this.state, to: this.state, reason, ordered });
  }
}
