import type { Config } from '../../config/types.js';
import { capacityFacts } from '../../scheduler/planner-loop/facts.js';
import type { PoolEngine } from '../../simulator/run/options.js';

export const SCENARIO_NAMES = ['day', 'flash-crowd', 'ramp', 'steady'] as const;
type ScenarioName = (typeof SCENARIO_NAMES)[number];

/** A built-in traffic: its load over its time, both as shares (0..1) of the whole. */
interface Scenario {
  title: string;
  curve: readonly (readonly [time: number, load: number])[];
}

export const SCENARIOS: Record<ScenarioName, Scenario> = {
  day: {
    title: 'A day: a quiet night, a peak before and one after noon',
    curve: [
      [0, 0.12],
      [0.22, 0.1],
      [0.4, 0.85],
      [0.47, 1],
      [0.54, 0.75],
      [0.62, 0.95],
      [0.75, 0.6],
      [1, 0.15],
    ],
  },
  'flash-crowd': {
    title: 'A flash crowd: four times the load within a minute or so',
    curve: [
      [0, 0.25],
      [0.4, 0.25],
      [0.42, 1],
      [0.58, 1],
      [0.62, 0.25],
      [1, 0.25],
    ],
  },
  ramp: {
    title: 'A slow ramp: from a tenth up to the peak and back',
    curve: [
      [0, 0.1],
      [0.5, 1],
      [1, 0.1],
    ],
  },
  steady: {
    title: 'Steady: at the peak all the time',
    curve: [
      [0, 1],
      [1, 1],
    ],
  },
};

/** Lengths vary about those that a pool is planned for: log-normal, with this deviation of the logarithm. */
const SIGMA = 0.6;
const LONGEST = 4;

/**
 * The loads of a built-in scenario, as a scenario file has them: each pool at `peak` of what its budget sustains by its
 * engine's law, with the lengths that it is planned for.
 */
export function scenarioLoads(
  name: ScenarioName,
  { config, engines }: { config: Config; engines: Readonly<Record<string, PoolEngine>> },
  { peak, seconds }: { peak: number; seconds: number },
): object[] {
  return Object.values(config.pools).flatMap((pool) => {
    const engine = engines[pool.name];
    if (engine === undefined) return [];
    const tp = { prefill: engine.tp.prefill, decode: engine.tp.vllm };
    const { rps } = capacityFacts(pool, tp, engine.profile, null);
    const workers = Math.min(pool.maxWorkers, Math.floor(pool.gpuBudget.ceiling / tp.decode));
    const most = rps.decode * workers * peak;
    const rate = SCENARIOS[name].curve.map(([time, load]) => [time * seconds, load * most]);
    return [{ level: pool.level, rate, isl: length(pool.expected.isl), osl: length(pool.expected.osl) }];
  });
}

function length(expected: number): object {
  // The mean of a log-normal is exp(sigma^2 / 2) of its median.
  const median = Math.max(1, expected / Math.exp(SIGMA ** 2 / 2));
  return { median, sigma: SIGMA, min: 1, max: Math.max(1, Math.min(1_000_000, LONGEST * expected)) };
}
