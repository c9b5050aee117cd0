import { z } from 'zod';
import { defaultConfig } from '../../src/config/load.js';
import type { Config, LoadPredictorName, PoolConfig } from '../../src/config/types.js';

/** One side of the benchmark: pools of so many workers each, all planned in one process. */
export interface PlannerCase {
  name: string;
  /** Most workers of a pool. */
  workers: number;
  predictor: LoadPredictorName;
  pools: number;
  /** Virtual seconds of load that the planners have seen before they are measured. */
  pastSeconds: number;
  /** Virtual seconds over which they are measured; the first tenth is not timed. */
  measuredSeconds: number;
}

const HOUR = 3600;
/** So few in a worker that hundreds of them are simulated in seconds: a plan costs by workers and by what is seen, not by requests. */
const SEQUENCES = 12;
const one = (workers: number, predictor: LoadPredictorName, pastSeconds: number): PlannerCase => ({
  name: `${workers} workers, ${predictor}`,
  workers,
  predictor,
  pools: 1,
  pastSeconds,
  // Some 700 plans: of fewer, the worst two or three would be the 99th percentile.
  measuredSeconds: 2 * HOUR,
});
const many = (pools: number): PlannerCase => ({
  name: `${pools} pools of 8 workers, arima`,
  workers: 8,
  predictor: 'arima',
  pools,
  pastSeconds: 3 * HOUR,
  // Some 1,200 plans at least, as above.
  measuredSeconds: Math.max(40, 12_000 / pools),
});

/** How the cost grows with replicas, by forecast, and with the pools of one process. */
export const CASES: readonly PlannerCase[] = [
  one(8, 'arima', 3 * HOUR),
  one(32, 'arima', HOUR),
  one(128, 'arima', HOUR / 2),
  one(512, 'arima', HOUR / 4),
  one(8, 'constant', 3 * HOUR),
  one(8, 'linear', 3 * HOUR),
  one(8, 'kalman', 3 * HOUR),
  one(8, 'seasonal', 3 * HOUR),
  one(8, 'combined', 3 * HOUR),
  many(10),
  many(100),
  many(1000),
];

const timing = z.object({
  count: z.number(),
  /** Milliseconds of one core. */
  meanMs: z.number(),
  p99Ms: z.number(),
});
export type Timing = z.output<typeof timing>;

/** What a side sends when it is done. */
export const plannerSideSchema = z.object({
  /** A plan in full: sizing from the forecast, once in an adjustment interval. */
  slow: timing,
  /** A look in between: saturation, bursts, violations. */
  fast: timing,
  /** The burst test alone. */
  burst: timing,
  /** Reference: the same observation to JSON and back. */
  json: timing,
  /** All pools looked at once; null: one pool. */
  round: timing.nullable(),
  /** Null: one pool, whose memory is lost among the rest. */
  kilobytesPerPool: z.number().nullable(),
});
export type PlannerSide = z.output<typeof plannerSideSchema>;

/** One pool at medium's targets, all rules of the planner on, cold start 120 s, looked at every 2 s, sized every 10 s. */
export function planConfig({ workers, predictor }: PlannerCase): Config & { pools: { medium: PoolConfig } } {
  const config = defaultConfig();
  const preset = config.pools.medium;
  if (preset?.engine.kind !== 'sim') throw new Error('the presets changed');
  const hosts = Array.from({ length: Math.ceil(workers / 8) }, (_, k) => ({
    name: `host${k}`,
    islands: [[0, 1, 2, 3, 4, 5, 6, 7]],
  }));
  const medium: PoolConfig = {
    ...preset,
    gpuBudget: { guaranteed: workers, ceiling: workers },
    maxWorkers: workers,
    burstProtection: true,
    costOptimization: true,
    loadPredictor: predictor,
    scaling: { aggressiveness: 'aggressive', lookAhead: 'proactive' },
    engine: { ...preset.engine, coldStartSeconds: 120, maxSequences: SEQUENCES },
  };
  return {
    ...config,
    defaultLevel: 'medium',
    inventory: { hosts },
    pools: { medium },
    planner: { ...config.planner, fastIntervalSeconds: 2, adjustmentIntervalSeconds: 10 },
  };
}
