import { defaultConfig } from '../../../src/config/load.js';
import type { Config, PoolConfig } from '../../../src/config/types.js';
import type { TransitionRecord } from '../../../src/contract/transition.js';
import type { SimulateOptions } from '../../../src/simulator/run/options.js';
import type { SimResult } from '../../../src/simulator/run/result.js';
import { simulate } from '../../../src/simulator/run/simulate.js';
import type { TimedRequest } from '../../../src/simulator/workload/arrivals.js';
import { shapeRequests } from '../../../src/simulator/workload/shape.js';
import { roundProfile } from '../../support/profiles.js';

/** One pool `medium` of single-GPU workers on `roundProfile`, on eight GPUs. */
export function onePool(
  fields: Partial<PoolConfig> = {},
  engine: Partial<Extract<PoolConfig['engine'], { kind: 'sim' }>> = {},
): Config {
  const config = defaultConfig();
  const { medium } = config.pools;
  if (medium?.engine.kind !== 'sim') throw new Error('the preset changed');
  const pool: PoolConfig = {
    ...medium,
    gpuBudget: { guaranteed: 8, ceiling: 8 },
    maxWorkers: 8,
    ...fields,
    engine: { ...medium.engine, maxBatchedTokens: 8192, ...engine },
  };
  return { ...config, pools: { medium: pool } };
}

const ENGINES = { medium: { profile: roundProfile, tp: { vllm: 1, prefill: 1 } } };

export function run(
  config: Config,
  requests: Iterable<TimedRequest>,
  options: Partial<SimulateOptions> = {},
): { result: SimResult; records: TransitionRecord[] } {
  const records: TransitionRecord[] = [];
  const engines = Object.fromEntries(Object.keys(config.pools).map((name) => [name, ENGINES.medium]));
  const result = simulate({
    config,
    engines,
    requests,
    onRecord: (record) => records.push(record),
    ...options,
  });
  return { result, records };
}

/** Poisson arrivals of a level rate at one rate. */
export function steady(
  rps: number,
  seconds: number,
  seed: number,
  lengths = { isl: 1000, osl: 50 },
): Iterable<TimedRequest> {
  const fixed = (median: number) => ({ median, sigma: 0, min: 1, max: 100_000 });
  const rate = [
    { atSeconds: 0, rps },
    { atSeconds: seconds, rps },
  ];
  const { isl, osl } = lengths;
  return shapeRequests({ level: 'medium', rate, isl: fixed(isl), osl: fixed(osl) }, seed);
}
