import { policyOf } from '../../planning/policy.js';
import type { Replicas } from '../../planning/replicas.js';
import { fullFleet, StaticScaler } from '../baselines/static.js';
import type { SimProgress, SimulateOptions } from '../run/options.js';
import { simulate } from '../run/simulate.js';
import { type Outcome, outcomeOf } from './outcome.js';
import { type ExcusedHours, poolVerdict } from './verdict.js';

export interface StaticBest {
  outcome: Outcome;
  /** Workers of each pool; null: even the whole budget does not keep the level, which then holds all of it. */
  workers: Record<string, number | null>;
}

/** What the search needs to know beforehand. */
export interface StaticBestFacts {
  /** Requests of each pool over the whole run. */
  requests: Readonly<Record<string, number>>;
  excused: ExcusedHours;
  onProgress?: ((progress: SimProgress) => void) | undefined;
}

/**
 * The smallest fixed fleet of each pool that keeps its level, overall and hour by hour. Pools do not disturb each
 * other, so one run tries one size of each; by bisection, since more workers never keep less. In a disaggregated
 * pool the prefill workers are those that it holds anyway.
 */
export function staticBest(options: SimulateOptions, facts: StaticBestFacts): StaticBest {
  const { config, engines } = options;
  const pools = Object.values(config.pools).map((pool) => {
    const tp = engines[pool.name]?.tp ?? { vllm: 1, prefill: 1 };
    const full = fullFleet(policyOf(config, pool, { prefill: tp.prefill, decode: tp.vllm }));
    // Fails at `low`, keeps at `high`; beyond the budget until a size inside it was seen to keep.
    return { pool, full, low: pool.minWorkers > 1 ? pool.minWorkers - 1 : 0, high: full.decode + 1 };
  });
  const known = new Map<string, Outcome>();
  const run = (sizes: readonly Replicas[], untilDecided: boolean): Outcome => {
    const key = sizes.map(({ decode }) => decode).join();
    const seen = known.get(key);
    if (seen !== undefined) return seen;
    const byPool = new Map(pools.map(({ pool }, k) => [pool.name, sizes[k]]));
    let givenUp = false;
    const result = simulate({
      ...options,
      scaler: (input) => new StaticScaler(input, byPool.get(input.pool.name) ?? { prefill: 0, decode: 0 }),
      ...(facts.onProgress === undefined ? {} : { onProgress: facts.onProgress }),
      giveUp: (counted) => {
        givenUp =
          untilDecided &&
          pools.every(({ pool }) => {
            const missed = counted[pool.name]?.missed ?? 0;
            return missed > pool.violationsAllowed * (facts.requests[pool.name] ?? 0);
          });
        return givenUp;
      },
    });
    const outcome = outcomeOf(config, result);
    if (!givenUp) known.set(key, outcome);
    return outcome;
  };
  while (pools.some(({ low, high }) => high - low > 1)) {
    const tried = pools.map(({ low, high, full }) => ({
      prefill: full.prefill,
      decode: high - low > 1 ? Math.floor((low + high) / 2) : Math.min(high, full.decode),
    }));
    const outcome = run(tried, true);
    for (const [k, one] of pools.entries()) {
      const decode = tried[k]?.decode ?? 0;
      const seen = outcome.pools[one.pool.name];
      if (seen === undefined || decode <= one.low || decode >= one.high) continue;
      if (keeps(seen, facts, one.pool.name)) one.high = decode;
      else one.low = decode;
    }
  }
  const best = pools.map(({ high, full }) => ({
    prefill: full.prefill,
    decode: Math.min(high, full.decode),
  }));
  const workers = pools.map(({ pool, high, full }) => [
    pool.name,
    high > full.decode ? null : high + full.prefill,
  ]);
  return { outcome: run(best, false), workers: Object.fromEntries(workers) };
}

/** A run that was given up has too few requests on its count: its misses alone already decided. */
function keeps(
  seen: Outcome['pools'][string],
  { requests, excused }: StaticBestFacts,
  name: string,
): boolean {
  if (seen.requests - seen.attained > seen.violationsAllowed * (requests[name] ?? 0)) return false;
  const verdict = poolVerdict(seen, excused[name]);
  return verdict.overall && verdict.hourly && seen.lost === 0;
}
