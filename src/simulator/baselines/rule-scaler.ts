import type { PoolObservation } from '../../contract/observation.js';
import type { ScaleOrder } from '../../contract/scale.js';
import type { PlannerState } from '../../contract/transition.js';
import { floorOf, type Replicas, same, show, trim } from '../../planning/replicas.js';
import type { PlannerStep } from '../../telemetry/activity.js';
import type { Scaler, ScalerInput } from '../run/planner.js';
import type { Look, ScalingRule, Wish } from './rule.js';

export interface RuleScalerOptions {
  /** The policy's own interval, seconds: it is evaluated at the first look that is due. */
  intervalSeconds: number;
  /** Fewest decode workers, where the policy knows a minimum beside the pool's floor. */
  minReplicas?: number;
}

/**
 * Runs a scaling rule as a pool's scaler: looks each fast interval, evaluates the rule on its own period, keeps its wish
 * between floor and budget and orders what changed, under a rising generation. What no rule needs to know of: orders
 * are sent again until the allocator has answered; without telemetry nothing is decided and everything held.
 */
export class RuleScaler implements Scaler {
  readonly steps: PlannerStep[] = [];
  readonly #floor: Replicas;
  #state: PlannerState = 'steady';
  #ordered: Replicas = { prefill: 0, decode: 0 };
  #generation = 0;
  #pending: ScaleOrder | null = null;
  #dueMs: number;

  constructor(
    private readonly input: ScalerInput,
    private readonly options: RuleScalerOptions,
    private readonly rule: ScalingRule,
  ) {
    const { policy, nowMs } = input;
    this.#floor = floorOf(Math.max(policy.minWorkers, options.minReplicas ?? 0), policy);
    this.#dueMs = nowMs;
  }

  get state(): PlannerState {
    return this.#state;
  }

  tick(seen: PoolObservation, nowMs: number): ScaleOrder | null {
    const granted = seen.grant?.generation ?? 0;
    if (this.#pending !== null && granted >= this.#pending.generation) this.#pending = null;
    this.#generation = Math.max(this.#generation, granted);
    if (!this.#sees(seen)) {
      this.#enter('degraded', nowMs, 'hold: telemetry is missing');
      return this.#pending;
    }
    const look = this.#look(seen, nowMs);
    this.rule.watch?.(look);
    this.#enter(this.#stateOf(look), nowMs, show(this.#ordered));
    if (nowMs >= this.#dueMs) {
      const intervalMs = this.options.intervalSeconds * 1000;
      this.#dueMs += intervalMs * Math.max(1, Math.ceil((nowMs - this.#dueMs + 1) / intervalMs));
      this.#order(this.rule.wish(look), seen, nowMs);
    }
    return this.#pending;
  }

  #sees({ telemetryAgeSeconds }: PoolObservation): boolean {
    return telemetryAgeSeconds !== null && telemetryAgeSeconds <= this.input.policy.telemetryStaleSeconds;
  }

  #look(seen: PoolObservation, nowMs: number): Look {
    const { ready } = seen.workers.decode;
    const { decode: ordered, prefill: orderedPrefill } = this.#ordered;
    return { nowMs, seen, ordered, orderedPrefill, ready, missing: Math.max(0, ordered - ready) };
  }

  #order(wish: Wish | null, seen: PoolObservation, nowMs: number): void {
    const { policy, pool } = this.input;
    const to = wish === null ? this.#ordered : this.#within(wish);
    const wanted = {
      prefill: Math.max(to.prefill, this.#floor.prefill),
      decode: Math.max(to.decode, this.#floor.decode),
    };
    const next = trim(wanted, policy);
    if (same(next, this.#ordered)) return;
    const more = next.decode + next.prefill > this.#ordered.decode + this.#ordered.prefill;
    const why = wish?.why ?? 'the floor';
    this.#ordered = next;
    this.#generation++;
    this.#pending = {
      pool: pool.name,
      generation: this.#generation,
      ...next,
      reason: why,
      observationId: seen.id,
    };
    this.#step(more ? 'scaleUp' : 'costOptimize', nowMs, `${show(next)}: ${why}`, next.decode + next.prefill);
  }

  #within({ decode, prefill }: Wish): Replicas {
    const { policy } = this.input;
    return { decode, prefill: prefill ?? (decode > 0 ? policy.minPrefill : 0) };
  }

  #stateOf({ seen, missing }: Look): PlannerState {
    const { prefill, decode } = seen.workers;
    if (missing > 0 || prefill.ready < this.#ordered.prefill) return 'scaleUp';
    if (decode.draining + prefill.draining > 0) return 'costOptimize';
    return this.#ordered.decode === 0 ? 'idle' : 'steady';
  }

  #enter(state: PlannerState, nowMs: number, reason: string): void {
    if (state !== this.#state) this.#step(state, nowMs, reason, null);
  }

  #step(to: PlannerState, atMs: number, reason: string, ordered: number | null): void {
    this.steps.push({ atMs, from: this.#state, to, reason, ordered });
    this.#state = to;
  }
}
