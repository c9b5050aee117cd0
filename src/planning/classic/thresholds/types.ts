/** Dynamo's load planner with static thresholds (its `optimization_target` other than `sla`). */
export interface ThresholdConfig {
  /** One role alone, both, or aggregated workers (counted as decode). */
  mode: 'prefill' | 'decode' | 'disagg' | 'agg';
  /** `throughput` and `latency` have fixed thresholds, `load` those below. */
  target: 'throughput' | 'latency' | 'load';
  enabled: boolean;
  minEndpoint: number;
  /** GPUs; below 0: no limit. */
  maxGpus: number;
  minGpus: number;
  intervalSeconds: number;
  /** Queued prompt tokens of one engine; null: not set. */
  prefillQueueTokens: { up: number | null; down: number | null };
  /** % of the KV cache. */
  decodeKvRate: { up: number | null; down: number | null };
}

/** What an engine can hold; null: not known. */
export interface EngineCapability {
  gpus: number | null;
  contextLength: number | null;
  maxKvTokens: number | null;
}

export interface Capabilities {
  prefill: EngineCapability | null;
  decode: EngineCapability | null;
}

/** The metrics of one forward pass of one engine (worker and data-parallel rank). */
export interface PassMetrics {
  workerId: string;
  rank: number;
  scheduledDecodeKvTokens: number;
  queuedPrefillTokens: number;
  queuedDecodeKvTokens: number;
}

export interface WorkerCounts {
  /** Undefined: as last told. */
  readyPrefill?: number | undefined;
  readyDecode?: number | undefined;
  /** Undefined: not known. */
  expectedPrefill?: number | undefined;
  expectedDecode?: number | undefined;
  prefillScaling: boolean;
  decodeScaling: boolean;
}

export interface ThresholdTick {
  nowSeconds: number;
  runLoadScaling: boolean;
  /** Null: counts as last told. */
  workers: WorkerCounts | null;
  /** Null: no metrics came at all, and nothing is decided. */
  passes: { prefill: readonly PassMetrics[]; decode: readonly PassMetrics[] } | null;
}

export type LoadReason =
  | 'disabled'
  | 'scaling_in_progress'
  | 'no_fpm_data'
  | 'worker_count_mismatch'
  | 'insufficient_data'
  | 'no_change'
  | 'scale_up'
  | 'scale_down';

/** Desired replicas; a role that is not planned for is absent. */
export interface ScaleTo {
  prefill?: number;
  decode?: number;
}

export interface ThresholdDecision {
  scaleTo: ScaleTo | null;
  /** Null: nothing was decided this tick. */
  reason: LoadReason | null;
  /** In `disagg`, where it came to that. */
  prefillReason: LoadReason | null;
  decodeReason: LoadReason | null;
  /** Infinity until a load tick ran. */
  nextTickSeconds: number;
}
