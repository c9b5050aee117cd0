import { clampPair, clampSingle } from '../band.js';
import { decideDecode, decidePrefill, type RoleDecision } from './decide.js';
import { enginesMatch } from './engines.js';
import type {
  Capabilities,
  LoadReason,
  PassMetrics,
  ScaleTo,
  ThresholdConfig,
  ThresholdDecision,
  ThresholdTick,
  WorkerCounts,
} from './types.js';

type Role = 'prefill' | 'decode';
type Outcome = Pick<ThresholdDecision, 'scaleTo' | 'reason' | 'prefillReason' | 'decodeReason'>;

/**
 * Dynamo's load planner with static thresholds, tick by tick (core/load_scaling.py of its PlannerStateMachine): one
 * worker more when any engine is above, one less when all are below, none while a scaling is under way or the engines
 * seen are not the workers counted. Known faults, kept: one step a tick whatever the backlog, no look-ahead over a cold
 * start, and `scale_to` names the current count where the budget took a step back.
 */
export class ThresholdPlanner {
  readonly #config: ThresholdConfig;
  readonly #capabilities: Capabilities;
  #workers: Record<Role, number> = { prefill: 0, decode: 0 };
  #counts: WorkerCounts = { prefillScaling: false, decodeScaling: false };
  #nextSeconds = Number.POSITIVE_INFINITY;

  constructor(config: ThresholdConfig, capabilities: Capabilities) {
    this.#config = config;
    this.#capabilities = capabilities;
  }

  tick(tick: ThresholdTick): ThresholdDecision {
    if (tick.workers !== null) this.#count(tick.workers);
    let outcome = nothing(null);
    if (tick.runLoadScaling) {
      if (tick.passes !== null) outcome = this.#decide(tick.passes);
      this.#nextSeconds = tick.nowSeconds + this.#config.intervalSeconds;
    }
    return { ...outcome, nextTickSeconds: this.#nextSeconds };
  }

  #count(counts: WorkerCounts): void {
    this.#counts = counts;
    this.#workers = {
      prefill: counts.readyPrefill ?? this.#workers.prefill,
      decode: counts.readyDecode ?? this.#workers.decode,
    };
  }

  #decide(passes: NonNullable<ThresholdTick['passes']>): Outcome {
    if (!this.#config.enabled) return nothing('disabled');
    if (this.#config.mode === 'disagg') return this.#decideBoth(passes.prefill, passes.decode);
    const role = this.#config.mode === 'prefill' ? 'prefill' : 'decode';
    // Aggregated workers without metrics are told so before anything else; a single role waits for a scaling first.
    if (this.#config.mode === 'agg' && passes.decode.length === 0) return nothing('no_fpm_data');
    return this.#decideOne(role, passes[role]);
  }

  #decideOne(role: Role, passes: readonly PassMetrics[]): Outcome {
    const workers = this.#workers[role];
    if (this.#scaling(role)) return nothing('scaling_in_progress');
    if (passes.length === 0) return nothing('no_fpm_data');
    if (!enginesMatch(passes, workers)) return nothing('worker_count_mismatch');
    const decision = this.#roleDecision(role, passes);
    if (decision.want === null) return nothing(decision.reason);
    const want = this.#singleBudget(role, decision.want);
    const scaleTo: ScaleTo = role === 'prefill' ? { prefill: want } : { decode: want };
    return { ...nothing(changeOf(want, workers)), scaleTo };
  }

  #decideBoth(prefill: readonly PassMetrics[], decode: readonly PassMetrics[]): Outcome {
    const workers = this.#workers;
    if (prefill.length === 0 && decode.length === 0) return nothingForBoth('no_fpm_data');
    if (this.#scaling('prefill') || this.#scaling('decode')) return nothingForBoth('scaling_in_progress');
    const mismatch =
      (prefill.length > 0 && !enginesMatch(prefill, workers.prefill)) ||
      (decode.length > 0 && !enginesMatch(decode, workers.decode));
    if (mismatch) return nothingForBoth('worker_count_mismatch');
    const p = prefill.length > 0 ? this.#roleDecision('prefill', prefill) : null;
    const d = decode.length > 0 ? this.#roleDecision('decode', decode) : null;
    const want = this.#pairBudget(p?.want ?? workers.prefill, d?.want ?? workers.decode);
    let prefillReason: LoadReason = changeOf(want.prefill, workers.prefill);
    let decodeReason: LoadReason = changeOf(want.decode, workers.decode);
    let reason: LoadReason = mostInteresting(prefillReason, decodeReason);
    if (want.prefill !== workers.prefill || want.decode !== workers.decode) {
      return { scaleTo: want, reason, prefillReason, decodeReason };
    }
    // Nothing changes: say which side could not decide.
    const stalled = [p, d].map((decision) => (decision?.want === null ? decision.reason : 'no_change'));
    if (stalled[0] === 'insufficient_data') prefillReason = 'insufficient_data';
    if (stalled[1] === 'insufficient_data') decodeReason = 'insufficient_data';
    if (stalled.includes('insufficient_data')) reason = 'insufficient_data';
    return { scaleTo: null, reason, prefillReason, decodeReason };
  }

  #roleDecision(role: Role, passes: readonly PassMetrics[]): RoleDecision {
    const decide = role === 'prefill' ? decidePrefill : decideDecode;
    return decide(passes, this.#workers[role], this.#config, this.#capabilities);
  }

  #scaling(role: Role): boolean {
    const prefill = role === 'prefill';
    const expected = prefill ? this.#counts.expectedPrefill : this.#counts.expectedDecode;
    if (prefill ? this.#counts.prefillScaling : this.#counts.decodeScaling) return true;
    return expected !== undefined && expected !== this.#workers[role];
  }

  /** Minimum and budget of a role alone; neither where the GPUs of an engine are not known, save for `agg`. */
  #singleBudget(role: Role, want: number): number {
    const { minEndpoint, mode } = this.#config;
    const floored = mode === 'agg' ? Math.max(want, minEndpoint) : want;
    const gpus = this.#capabilities[role]?.gpus ?? null;
    if (gpus === null) return floored;
    return clampSingle(Math.max(floored, minEndpoint), gpus, this.#config);
  }

  #pairBudget(prefill: number, decode: number): { prefill: number; decode: number } {
    const { minEndpoint, minGpus, maxGpus } = this.#config;
    const want = { prefill: Math.max(prefill, minEndpoint), decode: Math.max(decode, minEndpoint) };
    const prefillGpus = this.#capabilities.prefill?.gpus ?? null;
    const decodeGpus = this.#capabilities.decode?.gpus ?? null;
    if (prefillGpus === null || decodeGpus === null) return want;
    return clampPair(want, { prefillGpus, decodeGpus, minEndpoint, minGpus, maxGpus });
  }
}

function nothing(reason: LoadReason | null): Outcome {
  return { scaleTo: null, reason, prefillReason: null, decodeReason: null };
}

function nothingForBoth(reason: LoadReason): Outcome {
  return { scaleTo: null, reason, prefillReason: reason, decodeReason: reason };
}

function changeOf(want: number, workers: number): 'scale_up' | 'scale_down' | 'no_change' {
  if (want === workers) return 'no_change';
  return want > workers ? 'scale_up' : 'scale_down';
}

function mostInteresting(a: LoadReason, b: LoadReason): LoadReason {
  const order: LoadReason[] = ['scale_up', 'scale_down', 'no_change'];
  return order.find((reason) => reason === a || reason === b) ?? a;
}
