import type { PoolObservation } from '../../contract/observation.js';
import type { ScaleOrder } from '../../contract/scale.js';
import type { PlannerState } from '../../contract/transition.js';
import { freshMemory } from '../../planning/memory.js';
import { NONE } from '../../planning/replicas.js';
import { PlannerMind } from '../../scheduler/planner-loop/mind.js';
import { beginning, type PlannerSnapshot } from '../../scheduler/planner-loop/snapshot.js';
import { type Step, step, tick } from '../../scheduler/planner-loop/step.js';
import { type PlannerStep, stepOf } from '../../telemetry/activity.js';
import type { Scaler, ScalerInput } from './scaler.js';

/** Sluice's planner: the live machine and the live decision, fed as the live loop feeds them. */
export class SluicePlanner implements Scaler {
  readonly steps: PlannerStep[] = [];
  readonly #mind: PlannerMind;
  #snapshot: PlannerSnapshot;

  constructor(private readonly input: ScalerInput) {
    const { pool, policy, profile, nowMs } = input;
    this.#mind = new PlannerMind(pool, policy, profile);
    this.#snapshot = beginning(pool.name, freshMemory(NONE, 0, nowMs), 0, nowMs);
  }

  get state(): PlannerState {
    return this.#snapshot.state;
  }

  tick(observation: PoolObservation, now: number): ScaleOrder | null {
    const { policy } = this.input;
    const generation = observation.grant?.generation ?? 0;
    const pending = this.#snapshot.memory.order;
    if (pending !== null && generation >= pending.generation)
      this.#take(step(this.#snapshot, { type: 'ORDER_CONFIRMED', now, generation }));
    const { facts, outlook } = this.#mind.look(observation, this.#snapshot.memory, now);
    this.#take(tick(this.#snapshot, { observation, policy, facts, outlook, now }));
    return this.#snapshot.memory.order;
  }

  #take({ snapshot, record, decision }: Step): void {
    this.#snapshot = snapshot;
    if (decision !== null) this.input.onDecision?.(decision);
    if (record === null) return;
    this.steps.push(stepOf(record));
    this.input.onRecord?.(record);
  }
}
