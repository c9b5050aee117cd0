import type { Config, PoolConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { policyOf } from '../../planning/policy.js';
import { floorOf } from '../../planning/replicas.js';
import { StaticScaler } from '../baselines/static.js';
import { within } from '../compare/hours.js';
import type { PoolEngine } from '../run/options.js';
import type { PoolResult } from '../run/result.js';
import { simulate } from '../run/simulate.js';
import type { TimedRequest } from '../workload/arrivals.js';

/** What one fleet, fixed or scaled, came to. */
export interface FleetOutcome {
  /** Decode (or aggregated) workers: of a scaled fleet, its ceiling. */
  workers: number;
  /** GPUs of the whole fleet, prefill workers counted. */
  gpus: number;
  attained: number;
  /** 0..1 */
  attainment: number;
  kept: boolean;
  /** Over the judged time. */
  gpuHours: number;
  /** At the share of requests that must be in time, seconds; null: none ended. */
  ttftSeconds: number | null;
  itlSeconds: number | null;
}

/** The answer for one pool. */
export interface PoolPlan {
  pool: string;
  level: string;
  requests: number;
  violationsAllowed: number;
  targets: PoolConfig['targets'];
  gpusPerWorker: number;
  /** Smallest fixed fleet that keeps the level; null: none up to the limit. */
  fixed: FleetOutcome | null;
  /** Lowest ceiling at which Sluice's planner keeps it; null: none tried does. */
  scaled: FleetOutcome | null;
  /** Why there is no answer; null: there is one. `saturated`: more workers no longer help. */
  fails: { best: FleetOutcome; saturated: boolean } | null;
  /** Fixed fleets by size. */
  curve: FleetOutcome[];
}

export interface PoolPlanInput {
  config: Config;
  pool: PoolConfig;
  engine: PoolEngine;
  /** Of this pool only; the first `leadSeconds` are served and not counted. */
  requests: readonly TimedRequest[];
  leadSeconds: number;
  durationSeconds: number;
  maxGpus: number;
  /** Told of each fleet that was simulated. */
  onFleet?: (kind: 'fixed' | 'scaled', outcome: FleetOutcome) => void;
}

/** Twice the workers bring no more than this share of the requests, and no shorter TTFT: what is late is so for another reason. */
const NO_GAIN = 0.001;
const SAME_TTFT = 0.02;
/** Sizes of the curve, of the fewest that keep the level. */
const CURVE = [0.5, 0.7, 0.85, 1.2];
/** Ceilings that are tried for the planner beyond the fewest of a fixed fleet. */
const CEILINGS = 4;

/**
 * The fewest workers that keep a pool's level on these requests: fixed, by doubling and bisection, since more workers never
 * keep less; then with Sluice's planner scaling below a ceiling, from that size up. Each trial is a simulation of the whole
 * system with this pool alone, on an inventory that is large enough.
 */
export function planPool(input: PoolPlanInput): PoolPlan {
  const { pool, engine, maxGpus, requests, leadSeconds } = input;
  const arrivals = requests.filter(({ atSeconds }) => atSeconds >= leadSeconds).length;
  const { vllm: tp, prefill: prefillTp } = engine.tp;
  const prefill = floorOf(1, policyOf(input.config, pool, { prefill: prefillTp, decode: tp })).prefill;
  const most = Math.floor((maxGpus - prefill * prefillTp) / tp);
  const known = new Map<number, FleetOutcome>();
  const fixed = (workers: number): FleetOutcome => {
    const seen = known.get(workers);
    if (seen !== undefined) return seen;
    const outcome = run(input, { prefill, decode: workers }, arrivals, true);
    known.set(workers, outcome);
    input.onFleet?.('fixed', outcome);
    return outcome;
  };
  const base = {
    pool: pool.name,
    level: pool.level,
    requests: arrivals,
    violationsAllowed: pool.violationsAllowed,
    targets: pool.targets,
    gpusPerWorker: tp,
  };
  const curve = () => [...known.values()].sort((a, b) => a.workers - b.workers);
  if (most < 1)
    throw new SluiceError(
      'invalid_request',
      `pool ${pool.name}: expected room for one worker, which takes ${tp + prefill * prefillTp} GPUs, got ${maxGpus}; raise --max-gpus`,
    );
  let low = 0;
  let high = 1;
  for (let last: FleetOutcome | null = null; !fixed(high).kept; ) {
    const now = fixed(high);
    const saturated = last !== null && noBetter(last, now, arrivals);
    if (saturated || high >= most)
      return { ...base, fixed: null, scaled: null, fails: { best: now, saturated }, curve: curve() };
    last = now;
    low = high;
    high = Math.min(most, 2 * high);
  }
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (fixed(middle).kept) high = middle;
    else low = middle;
  }
  for (const share of CURVE) fixed(Math.min(most, Math.max(1, Math.round(share * high))));
  if (high < most) fixed(high + 1);
  return { ...base, fixed: fixed(high), scaled: scaledFrom(high), fails: null, curve: curve() };

  function scaledFrom(fewest: number): FleetOutcome | null {
    const stride = Math.max(1, Math.round(fewest / 10));
    for (let k = 0; k <= CEILINGS; k++) {
      const ceiling = fewest + k * stride;
      if (ceiling > most) return null;
      const outcome = run(input, { prefill, decode: ceiling }, arrivals, false);
      input.onFleet?.('scaled', outcome);
      if (outcome.kept) return outcome;
    }
    return null;
  }
}

/** Neither more in time nor sooner: what is late does not wait for workers. */
function noBetter(before: FleetOutcome, after: FleetOutcome, arrivals: number): boolean {
  const sooner = (after.ttftSeconds ?? 0) < (1 - SAME_TTFT) * (before.ttftSeconds ?? 0);
  return !sooner && after.attained - before.attained <= NO_GAIN * arrivals;
}

function run(
  input: PoolPlanInput,
  fleet: { prefill: number; decode: number },
  arrivals: number,
  isFixed: boolean,
): FleetOutcome {
  const { pool, engine, requests, leadSeconds, durationSeconds } = input;
  const gpus = fleet.decode * engine.tp.vllm + fleet.prefill * engine.tp.prefill;
  const hosts = Array.from({ length: Math.ceil(gpus / 8) + 1 }, (_, k) => ({
    name: `host${k}`,
    islands: [[0, 1, 2, 3, 4, 5, 6, 7]],
  }));
  const own: PoolConfig = {
    ...pool,
    gpuBudget: { guaranteed: gpus, ceiling: gpus },
    maxWorkers: fleet.decode + fleet.prefill,
    minWorkers: isFixed ? fleet.decode : Math.min(pool.minWorkers, fleet.decode),
  };
  const result = simulate({
    config: { ...input.config, inventory: { hosts }, pools: { [pool.name]: own }, defaultLevel: pool.level },
    engines: { [pool.name]: engine },
    requests,
    warmUpSeconds: leadSeconds,
    durationSeconds: leadSeconds + durationSeconds,
    ...(isFixed ? { scaler: (made) => new StaticScaler(made, fleet) } : {}),
  }).pools[pool.name];
  if (result === undefined) throw new SluiceError('internal', `no result of pool ${pool.name}`);
  return { workers: fleet.decode, gpus, ...judged(result, pool, arrivals) };
}

function judged({ tally, figures, atRequiredShare }: PoolResult, pool: PoolConfig, arrivals: number) {
  const { attained, lost } = tally;
  return {
    attained,
    attainment: arrivals === 0 ? 1 : attained / arrivals,
    kept: lost === 0 && within(arrivals, attained, pool.violationsAllowed),
    gpuHours: figures.gpuSeconds / 3600,
    ...atRequiredShare,
  };
}
