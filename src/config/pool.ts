import { buildEngine } from './engine.js';
import type { NormalizedPool } from './normalize.js';
import type { PoolFields } from './pool-schema.js';
import { isTier, presetPool } from './presets.js';
import type { LookAhead, PoolConfig } from './types.js';

/**
 * A pool from its fields: what was left out comes from the preset of its level, or the one that `preset` names.
 * A profile's path is relative to `folder`, the folder of the configuration file.
 */
export function buildPool(
  name: string,
  fields: PoolFields,
  proactive: NormalizedPool['proactive'],
  folder: string,
  coldStartSeconds: number,
): PoolConfig {
  const level = fields.level ?? name.toLowerCase();
  const base = presetPool(fields.preset ?? (isTier(level) ? level : 'medium'), name, level);
  const tensorParallelism = {
    prefill: fields.tensor_parallelism?.prefill ?? base.tensorParallelism.prefill,
    decode: fields.tensor_parallelism?.decode ?? base.tensorParallelism.decode,
  };
  const { guaranteed, ceiling } = fields.gpu_budget ?? {};
  const gpuBudget = {
    guaranteed: guaranteed ?? ceiling ?? base.gpuBudget.guaranteed,
    ceiling: ceiling ?? guaranteed ?? base.gpuBudget.ceiling,
  };
  const maxWorkers = fields.max_workers ?? Math.max(1, workersThatFit(tensorParallelism, gpuBudget.ceiling));
  return {
    name,
    level,
    model: fields.model ?? base.model,
    priority: fields.priority ?? base.priority,
    description: fields.description ?? base.description,
    tensorParallelism,
    gpuBudget,
    maxWorkers,
    minWorkers: fields.min_workers ?? Math.min(base.minWorkers, maxWorkers),
    gpuMemoryUtilization: fields.gpu_memory_utilization ?? base.gpuMemoryUtilization,
    scaleUpThreshold: {
      prefillQueue: fields.scale_up_threshold?.prefill_queue ?? base.scaleUpThreshold.prefillQueue,
      decodeKv: fields.scale_up_threshold?.decode_kv ?? base.scaleUpThreshold.decodeKv,
    },
    scaling: {
      aggressiveness: fields.scaling?.aggressiveness ?? base.scaling.aggressiveness,
      lookAhead: fields.scaling?.look_ahead ?? lookAheadOf(proactive?.value, base.scaling.lookAhead),
    },
    burstProtection: fields.burst_protection ?? base.burstProtection,
    costOptimization: fields.cost_optimization ?? base.costOptimization,
    advisory: fields.advisory ?? base.advisory,
    performanceBuffer: fields.performance_buffer ?? base.performanceBuffer,
    latencyPercentile: fields.latency_percentile ?? base.latencyPercentile,
    violationsAllowed: fields.violations_allowed ?? base.violationsAllowed,
    loadPredictor: fields.load_predictor ?? base.loadPredictor,
    targets: {
      ttftSeconds: fields.ttft_target ?? base.targets.ttftSeconds,
      itlSeconds: fields.itl_target ?? base.targets.itlSeconds,
    },
    expected: {
      isl: fields.expected_isl ?? base.expected.isl,
      osl: fields.expected_osl ?? base.expected.osl,
    },
    disaggregation: {
      enabled: fields.disaggregation?.enabled ?? base.disaggregation.enabled,
      minPromptTokens: fields.disaggregation?.min_prompt_tokens ?? base.disaggregation.minPromptTokens,
      prefillWorkers: fields.disaggregation?.prefill_workers ?? base.disaggregation.prefillWorkers,
    },
    overload: {
      policy: fields.overload?.policy ?? base.overload.policy,
      lateBoundSeconds: fields.overload?.late_bound_seconds ?? base.overload.lateBoundSeconds,
    },
    admission: {
      policy: fields.admission?.policy ?? base.admission.policy,
      waitingRoom: fields.admission?.waiting_room ?? base.admission.waitingRoom,
    },
    queueTimeoutSeconds:
      fields.queue_timeout_seconds === undefined ? base.queueTimeoutSeconds : fields.queue_timeout_seconds,
    idleAfterSeconds: fields.idle_after_seconds ?? base.idleAfterSeconds,
    burstCalmSeconds: fields.burst_calm_seconds ?? base.burstCalmSeconds,
    engine: buildEngine(fields.engine ?? {}, folder, coldStartSeconds),
  };
}

/** Decode or aggregated workers that fit a number of GPUs; with `auto`, at the smallest TP. */
export function workersThatFit(tp: PoolConfig['tensorParallelism'], gpus: number): number {
  return Math.floor(gpus / (tp.decode === 'auto' ? 1 : tp.decode));
}

/** Whether both ways to say how far to look ahead agree. */
export function agrees(proactive: boolean, lookAhead: LookAhead): boolean {
  return proactive === (lookAhead !== 'reactive');
}

function lookAheadOf(proactive: boolean | undefined, preset: LookAhead): LookAhead {
  if (proactive === undefined) return preset;
  if (!proactive) return 'reactive';
  return preset === 'reactive' ? 'proactive' : preset;
}
