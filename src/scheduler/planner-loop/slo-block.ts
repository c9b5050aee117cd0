import type { PoolConfig } from '../../config/types.js';

/** GPUs per worker of one role, and why so many. */
interface Size {
  tp: number;
  why: string;
}

/**
 * The SLO configuration that a planner tells on its start: fields for the log, lines for a reader. `feasibility`: the
 * sentence whether the pool can keep its promise; null: its engine has no profile to tell from.
 */
export function sloBlock(
  pool: PoolConfig,
  sizes: { vllm: Size; prefill: Size },
  feasibility: string | null = null,
): { fields: Record<string, unknown>; lines: string[] } {
  const { targets, expected, scaling, scaleUpThreshold } = pool;
  const rows: [string, string][] = [
    ['level', `${pool.level}, priority ${pool.priority}`],
    ['description', pool.description],
    ['targets', `TTFT ${targets.ttftSeconds} s, ITL ${targets.itlSeconds} s at p${pool.latencyPercentile}`],
    ['violations', `${pool.violationsAllowed * 100} % allowed`],
    ['workload', `ISL ${expected.isl}, OSL ${expected.osl} tokens expected`],
    ['tensor parallel', `decode ${sizes.vllm.tp} (${sizes.vllm.why})`],
    ...(pool.disaggregation.enabled !== false
      ? ([['', `prefill ${sizes.prefill.tp} (${sizes.prefill.why})`]] as [string, string][])
      : []),
    ['GPUs', `${pool.gpuBudget.guaranteed} guaranteed, at most ${pool.gpuBudget.ceiling}`],
    ['workers', `${pool.minWorkers} to ${pool.maxWorkers}`],
    ['GPU memory', `${pool.gpuMemoryUtilization * 100} %`],
    ['scaling', `${scaling.aggressiveness}, ${scaling.lookAhead}`],
    [
      'scale up over',
      `prefill queue ${scaleUpThreshold.prefillQueue}, decode KV ${scaleUpThreshold.decodeKv}`,
    ],
    ['burst protection', pool.burstProtection ? 'on' : 'off'],
    ['cost optimisation', pool.costOptimization ? 'on' : 'off'],
    ['buffer', `planned for target x ${pool.performanceBuffer}`],
    ['load predictor', pool.loadPredictor],
    ...(feasibility === null ? [] : [['promise', feasibility] as [string, string]]),
  ];
  return {
    fields: {
      pool: pool.name,
      level: pool.level,
      priority: pool.priority,
      description: pool.description,
      targets,
      expected,
      tensorParallelism: { decode: sizes.vllm, prefill: sizes.prefill },
      gpuBudget: pool.gpuBudget,
      workers: { min: pool.minWorkers, max: pool.maxWorkers },
      gpuMemoryUtilization: pool.gpuMemoryUtilization,
      scaling,
      scaleUpThreshold,
      burstProtection: pool.burstProtection,
      costOptimization: pool.costOptimization,
      performanceBuffer: pool.performanceBuffer,
      latencyPercentile: pool.latencyPercentile,
      violationsAllowed: pool.violationsAllowed,
      loadPredictor: pool.loadPredictor,
      feasibility,
    },
    lines: [
      `SLO configuration of pool ${pool.name}`,
      ...rows.map(([name, value]) => `  ${name.padEnd(18)} ${value}`),
    ],
  };
}
