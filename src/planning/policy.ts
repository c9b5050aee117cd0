import { z } from 'zod';
import {
  AGGRESSIVENESS,
  type Config,
  LOAD_PREDICTORS,
  LOOK_AHEADS,
  type PoolConfig,
} from '../config/types.js';
import type { WorkerModel } from '../profile/worker-model.js';
import { type Replicas, replicasSchema } from './replicas.js';

const positive = z.number().positive();
const share = z.number().min(0).max(1);

/** What a planner's decisions rest on, besides what it sees and what it remembers. Plain JSON: records carry it. */
export const policySchema = z.object({
  pool: z.string(),
  /** GPUs per worker, by role. */
  tp: replicasSchema,
  /** GPUs that the pool may hold. */
  gpuCeiling: z.number(),
  maxWorkers: z.number(),
  /** Floor of decode/aggregated workers where no operator set another. */
  minWorkers: z.number(),
  thresholds: z.object({ prefillQueue: z.number(), decodeKv: z.number() }),
  aggressiveness: z.enum(AGGRESSIVENESS),
  lookAhead: z.enum(LOOK_AHEADS),
  burstProtection: z.boolean(),
  costOptimization: z.boolean(),
  /** Plans are made and recorded, and nothing is ordered, unless an operator says otherwise. */
  advisory: z.boolean(),
  buffer: share,
  /** 0..100 */
  latencyPercentile: z.number(),
  violationsAllowed: share,
  loadPredictor: z.enum(LOAD_PREDICTORS),
  targets: z.object({ ttftSeconds: positive, itlSeconds: positive }),
  disaggregated: z.boolean(),
  /** The planner chooses between aggregated and disaggregated; `disaggregated` is then false. Absent: as `disaggregated` says. */
  form: z.literal('auto').optional(),
  /** Prefill workers held beside at least one decode worker; 0 where disaggregation is off. */
  minPrefill: z.number(),
  idleAfterSeconds: z.number(),
  burstCalmSeconds: z.number(),
  fastIntervalSeconds: z.number(),
  adjustmentIntervalSeconds: z.number(),
  telemetryStaleSeconds: z.number(),
  windowSeconds: z.number(),
  /** The allocator counts as silent after so long. */
  allocatorSilentSeconds: z.number(),
  /** An order that is not confirmed after so long counts as failing. */
  orderOverdueSeconds: z.number(),
});
export type PoolPolicy = z.output<typeof policySchema>;

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
    advisory: pool.advisory,
    buffer: pool.performanceBuffer,
    latencyPercentile: pool.latencyPercentile,
    violationsAllowed: pool.violationsAllowed,
    loadPredictor: pool.loadPredictor,
    targets: pool.targets,
    disaggregated: pool.disaggregation.enabled === true,
    ...(pool.disaggregation.enabled === 'auto' ? { form: 'auto' as const } : {}),
    minPrefill: pool.disaggregation.enabled === true ? pool.disaggregation.prefillWorkers : 0,
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

/** What one worker of each role does. */
export interface RoleModels {
  prefill: WorkerModel;
  decode: WorkerModel;
  /** 0..1 of the requests that go prefill, then decode; absent: all, and decode workers are counted as if they prefilled too. */
  split?: number | undefined;
}

/** What takes the place of the facts of that name while a pool that chooses its form is disaggregated. */
export interface HalfFacts {
  rps: Replicas;
  prefillTokensPerSecond: number;
  model: RoleModels;
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
  model: RoleModels | null;
  /** The same where long prompts go prefill, then decode; only in a pool that chooses its form, and gets long prompts. */
  halves?: HalfFacts | undefined;
  /** The factor by which measured throughput changed all of this; absent: 1. */
  correction?: number | undefined;
  /** Why requests of these lengths cannot have the pool's promise at whatever load, and what would help; absent: they can. */
  infeasible?: string | undefined;
}
