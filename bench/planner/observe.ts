import type { PoolObservation } from '../../src/contract/observation.js';
import { loadProfile } from '../../src/profile/load.js';
import type { Profile } from '../../src/profile/types.js';
import { capacityFacts } from '../../src/scheduler/planner-loop/facts.js';
import { SluicePlanner } from '../../src/simulator/run/planner.js';
import { simulate } from '../../src/simulator/run/simulate.js';
import { burstCurve } from '../../src/simulator/workload/burst.js';
import { seriesRequests } from '../../src/simulator/workload/rate-series.js';
import { TokenTable } from '../../src/simulator/workload/token-cdf.js';
import { type PlannerCase, planConfig } from './cases.js';

/** What a planner saw at one look. */
export interface Seen {
  observation: PoolObservation;
  /** Unix ms. */
  now: number;
}

/** Share of the whole fleet's capacity that the load has on average; its peak hour is twice its calm one. */
const MEAN_LOAD = 0.5;
/** Lengths of the load: those of a chat week (Azure LLM inference 2024). */
const ISL = new TokenTable([
  [0.05, 181],
  [0.25, 396],
  [0.5, 1020],
  [0.75, 1189],
  [0.95, 4083],
  [1, 5000],
]);
const OSL = new TokenTable([
  [0.05, 41],
  [0.25, 85],
  [0.5, 129],
  [0.75, 395],
  [0.95, 451],
  [1, 1000],
]);

/** All that a planner sees of one pool while a drawn load with bursts runs and it scales the pool: from a simulation. */
export function observations(
  of: PlannerCase,
  seed: number,
): { seen: Seen[]; profile: Profile; tp: { prefill: number; decode: number } } {
  const config = planConfig(of);
  const { medium } = config.pools;
  if (medium.engine.kind !== 'sim') throw new Error('the presets changed');
  const profile = loadProfile(medium.engine.profile);
  const tp = { prefill: 1, decode: 1 };
  const { rps } = capacityFacts(medium, tp, profile, {
    arrivals: [],
    running: null,
    kvUsage: null,
    isl: 1250,
    osl: 220,
    prompts: null,
  });
  const mean = MEAN_LOAD * rps.decode * of.workers;
  const seconds = of.pastSeconds + of.measuredSeconds;
  const swing = Array.from({ length: Math.ceil(seconds / 60) + 1 }, (_, minute) => ({
    atSeconds: minute * 60,
    rps: mean * (1 + Math.sin((2 * Math.PI * minute) / 60) / 3),
  }));
  const rate = burstCurve(
    swing,
    { peakMinuteToMean: 2, dispersion: 4, atRps: mean, memorySeconds: 120, flickerSeconds: 3 },
    seed,
  );
  const seen: Seen[] = [];
  simulate({
    config,
    engines: { medium: { profile, tp: { vllm: 1, prefill: 1 } } },
    requests: seriesRequests({ level: 'medium', rate, tokens: { isl: ISL, osl: OSL }, seed }),
    durationSeconds: seconds,
    scaler: (input) => {
      const planner = new SluicePlanner(input);
      return {
        tick: (observation, now) => {
          seen.push({ observation: structuredClone(observation), now });
          return planner.tick(observation, now);
        },
        get state() {
          return planner.state;
        },
        get steps() {
          return planner.steps;
        },
      };
    },
  });
  return { seen, profile, tp };
}
