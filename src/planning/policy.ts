import type { Aggressiveness, Config, LoadPredictorName, LookAhead, PoolConfig } from '../config/types.js';
import type { WorkerModel } from '../profile/worker-model.js';
import type { Replicas } from './replicas.js';

/** What a planner's decisions rest on, besides what it sees and what it remembers. */
export interface PoolPolicy {
  pool: string;
  /** GPUs per worker, by role. */
  tp: Replicas;
  /** GPUs that the pool may hold. */
  gpuCeiling: number;
  maxWorkers: number;
  /** Floor of decode/aggregated workers where no operator set another. */
  minWorkers: number;
  thresholds: PoolConfig['scaleUpThreshold'];
  aggressiveness: Aggressiveness;
  lookAhead: LookAhead;
  burstProtection: boolean;
  costOptimization: boolean;
  /** 0..1 */
  buffer: number;
  /** 0..100 */
  latencyPercentile: number;
  /** 0..1 */
  violationsAllowed: number;
  loadPredictor: LoadPredictorName;
  targets: PoolConfig['targets'];
  disaggregated: boolean;
  /** Prefill workers held beside at least one decode worker; 0 where disaggregation is off. */
  minPrefill: number;
  idleAfterSeconds: number;
  burstCalmSeconds: number;
  fastIntervalSeconds: number;
  adjustmentIntervalSeconds: number;
  telemetryStaleSeconds: number;
  windowSeconds: number;
  /** The allocator counts as silent after so long. */
  allocatorSilentSeconds: number;
  /** An order that is not confirmed after so long counts as failing. */
  orderOverdueSeconds: number;
}

/** The policy of one pool; `tp` is what `auto` came to. */
export function policyOf(config: Config, pool: PoolConfig, tp: Replicas): PoolPolicy {
  const { planner, worker } = config;
  const allocatorSilentSeconds = Math.max(planner.telemetryStaleSeconds, worker.leaseSeconds);
  return {
    pool: pool.name,
    tp,
    gpuCeiling: pool.gpuBudget.ceiling,
    maxWorkers: pool.maxWorkers,
    minWorkers: pool.minWorkers,
    thresholds: pool.scaleUpThreshold,
    aggressiveness: pool.scaling.aggressiveness,
    lookAhead: pool.scaling.lookAhead,
    burstProtection: pool.burstProtection,
    costOptimization: pool.costOptimization,
    buffer: pool.performanceBuffer,
    latencyPercentile: pool.latencyPercentile,
    violationsAllowed: pool.violationsAllowed,
    loadPredictor: pool.loadPredictor,
    targets: pool.targets,
    disaggregated: pool.disaggregation.enabled,
    minPrefill: pool.disaggregation.enabled ? pool.disaggregation.prefillWorkers : 0,
    idleAfterSeconds: pool.idleAfterSeconds,
    burstCalmSeconds: pool.burstCalmSeconds,
    fastIntervalSeconds: planner.fastIntervalSeconds,
    adjustmentIntervalSeconds: planner.adjustmentIntervalSeconds,
    telemetryStaleSeconds: planner.telemetryStaleSeconds,
    windowSeconds: planner.windowSeconds,
    allocatorSilentSeconds,
    orderOverdueSeconds: allocatorSilentSeconds * 3,
  };
}

/**
 * What one worker can do, from the performance profile, for the lengths of recent requests and the pool's
 * targets x buffer. Plain numbers, so that decisions stay pure.
 */
export interface CapacityFacts {
  /** Requests/s that one worker sustains within target x buffer; 0: not even a lone request meets it. */
  rps: Replicas;
  /** Prompt tokens/s of one worker that does prefill; 0: unknown. */
  prefillTokensPerSecond: number;
  /** Configured cold start, used until one was measured. */
  coldStartSeconds: number;
  /** Throughput of one worker of each role by prompt length; null: the engine has no profile. */
  model: { prefill: WorkerModel; decode: WorkerModel } | null;
}
