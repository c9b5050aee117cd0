import type { PoolObservation } from '../../contract/observation.js';
import type { ScalerInput } from '../run/scaler.js';
import type { Look, ScalingRule } from './rule.js';
import { TargetScaler, type Want } from './target-scaler.js';

export interface RuleScalerOptions {
  /** The policy's own interval, seconds: it is evaluated at the first look that is due. 0: at every look. */
  intervalSeconds: number;
  /** Fewest decode workers, where the policy knows a minimum beside the pool's floor. */
  minReplicas?: number;
}

/**
 * Runs a scaling rule as a pool's scaler: shows it every look, asks it on its own period, and holds while telemetry is
 * missing or stale. A rule that does not scale prefill workers itself gets those that a disaggregated pool holds.
 */
export class RuleScaler extends TargetScaler {
  #dueMs: number;

  constructor(
    input: ScalerInput,
    private readonly options: RuleScalerOptions,
    private readonly rule: ScalingRule,
  ) {
    super(input);
    this.#dueMs = input.nowMs;
  }

  protected want(seen: PoolObservation, nowMs: number): Want | null {
    const { minReplicas = 0 } = this.options;
    // The first order, before there is anything to see.
    if (this.ordered.decode < minReplicas) return this.#want(minReplicas, 'the fewest replicas');
    const { telemetryAgeSeconds: age } = seen;
    if (age === null || age > this.input.policy.telemetryStaleSeconds) return null;
    const look = this.#look(seen, nowMs);
    this.rule.watch?.(look);
    if (nowMs < this.#dueMs) return null;
    const intervalMs = this.options.intervalSeconds * 1000;
    if (intervalMs > 0) this.#dueMs += intervalMs * (Math.floor((nowMs - this.#dueMs) / intervalMs) + 1);
    const wish = this.rule.wish(look);
    return wish === null ? null : this.#want(Math.max(wish.decode, minReplicas), wish.why, wish.prefill);
  }

  #want(decode: number, reason: string, prefill?: number): Want {
    const { minPrefill } = this.input.policy;
    return { replicas: { decode, prefill: prefill ?? (decode > 0 ? minPrefill : 0) }, reason };
  }

  #look(seen: PoolObservation, nowMs: number): Look {
    const { decode: ordered, prefill: orderedPrefill } = this.ordered;
    const { ready } = seen.workers.decode;
    return { nowMs, seen, ordered, orderedPrefill, ready, missing: Math.max(0, ordered - ready) };
  }
}
