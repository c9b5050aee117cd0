import type { Config, PoolConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { policyOf } from '../../planning/policy.js';
import { capacityFacts } from '../../scheduler/planner-loop/facts.js';
import { fullFleet, StaticScaler } from '../baselines/static.js';
import type { PoolEngine } from '../run/options.js';
import { simulate } from '../run/simulate.js';
import type { TimedRequest } from '../workload/arrivals.js';
import { exponential, seededRandom } from '../workload/random.js';

/** What a pool with its whole budget can carry of some traffic. */
export interface PoolCapacity {
  /** Workers of the whole budget. */
  workers: number;
  /** Highest steady rate at which they keep the level's promise, requests/s: measured by simulation. 0: none. */
  sustainableRps: number;
  /** The same by `workerCapacityRps` (src/profile/capacity.ts) for mean lengths and targets as they are, requests/s. */
  formulaRps: number;
}

export interface CapacityInput {
  config: Config;
  pool: string;
  engine: PoolEngine;
  /** Requests whose lengths (and blocks) are drawn from. */
  sample: readonly TimedRequest[];
  seed: number;
}

const WARM_UP_SECONDS = 60;
const MEASURED_SECONDS = 300;
/** The answer is within this share. */
const WITHIN = 0.005;

/**
 * The highest rate of Poisson arrivals, lengths drawn from the sample, at which a fixed fleet of the whole budget keeps
 * misses within what the level allows over five minutes after one of warm-up. Found by bisection, within 0.5 %; the same
 * input gives the same answer. Just past this rate the queue only grows, so that it hardly depends on the five minutes.
 */
export function poolCapacity(input: CapacityInput): PoolCapacity {
  const { engine, sample } = input;
  const pool = input.config.pools[input.pool];
  if (pool === undefined || sample.length === 0)
    throw new SluiceError('internal', `pool ${input.pool}: no capacity without a pool and requests`);
  // In plain deadline order: what only holds because requests stand aside is not carried.
  const inOrder: PoolConfig = { ...pool, overload: { ...pool.overload, policy: 'edf' } };
  const config = { ...input.config, pools: { [pool.name]: inOrder }, defaultLevel: pool.level };
  const tp = { prefill: engine.tp.prefill, decode: engine.tp.vllm };
  const fleet = fullFleet(policyOf(config, pool, tp));
  const atTargets: PoolConfig = { ...pool, performanceBuffer: 1 };
  const mean = (of: (request: TimedRequest) => number) =>
    sample.reduce((sum, request) => sum + of(request), 0) / sample.length;
  const load = {
    arrivals: [],
    running: null,
    kvUsage: null,
    isl: mean((r) => r.isl),
    osl: mean((r) => r.osl),
    prompts: null,
  };
  const { rps } = capacityFacts(atTargets, tp, engine.profile, load);
  const formulaRps =
    fleet.prefill > 0
      ? Math.min(fleet.prefill * rps.prefill, fleet.decode * rps.decode)
      : fleet.decode * rps.decode;

  const keeps = (rate: number): boolean => {
    const allowed = pool.violationsAllowed;
    const result = simulate({
      config,
      engines: { [pool.name]: engine },
      requests: steady(sample, pool.level, rate, input.seed),
      scaler: (made) => new StaticScaler(made, fleet),
      warmUpSeconds: WARM_UP_SECONDS,
      durationSeconds: WARM_UP_SECONDS + MEASURED_SECONDS,
      giveUp: ({ [pool.name]: seen }) =>
        seen !== undefined && seen.missed > 1.2 * allowed * rate * MEASURED_SECONDS + 10,
    });
    const tally = result.pools[pool.name]?.tally;
    if (tally === undefined || tally.requests === 0) return true;
    return tally.requests - tally.attained <= allowed * tally.requests;
  };
  return { workers: fleet.prefill + fleet.decode, sustainableRps: highest(keeps, formulaRps), formulaRps };
}

/** The highest rate that keeps the promise, about a first guess. */
function highest(keeps: (rate: number) => boolean, guess: number): number {
  let low = 0;
  let high = Number.POSITIVE_INFINITY;
  for (let rate = guess > 0 ? guess : 1; low === 0 || high === Number.POSITIVE_INFINITY; ) {
    if (keeps(rate)) {
      low = rate;
      rate *= 1.1;
    } else {
      high = rate;
      rate /= 1.1;
    }
    if (rate < 1e-3) return 0;
    if (rate > 1e7) return low;
  }
  while (high - low > WITHIN * high) {
    const middle = (low + high) / 2;
    if (keeps(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function* steady(
  sample: readonly TimedRequest[],
  level: string,
  rps: number,
  seed: number,
): Generator<TimedRequest> {
  const random = seededRandom(seed, 'capacity');
  const end = WARM_UP_SECONDS + MEASURED_SECONDS;
  for (let at = exponential(random, 1 / rps); at < end; at += exponential(random, 1 / rps)) {
    const drawn = sample[Math.floor(random() * sample.length)];
    if (drawn !== undefined) yield { ...drawn, atSeconds: at, level };
  }
}
