import type { Config, PoolConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { policyOf } from '../../planning/policy.js';
import { floorOf, gpusOf, type Replicas, show } from '../../planning/replicas.js';
import { StaticScaler } from '../baselines/static.js';
import { within } from '../compare/hours.js';
import type { PoolEngine } from '../run/options.js';
import type { PoolResult } from '../run/result.js';
import { simulate } from '../run/simulate.js';
import type { TimedRequest } from '../workload/arrivals.js';
import { fewestWorkers } from './search.js';

/** What one fleet, fixed or scaled, came to. */
export interface FleetOutcome {
  /** Decode (or aggregated) workers: of a scaled fleet, its ceiling, which the planner splits as it likes. */
  workers: number;
  prefillWorkers: number;
  /** GPUs of the whole fleet, prefill workers counted. */
  gpus: number;
  attained: number;
  /** 0..1 */
  attainment: number;
  kept: boolean;
  /** 0..1 of the requests did not complete: failed, expired or lost. Counted in `attainment` as misses. */
  unanswered: number;
  /** Over the judged time. */
  gpuHours: number;
  /** At that share of the completed requests that must be in time, seconds; null: none completed. */
  ttftSeconds: number | null;
  itlSeconds: number | null;
}

/** `2 prefill + 3 decode`, or `5` where there are no halves. */
export function workersOf({ workers, prefillWorkers }: FleetOutcome): string {
  return show({ prefill: prefillWorkers, decode: workers });
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
  /** Fixed fleets by GPUs, the best of each number that was tried. */
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

/** Sizes of the curve, of the fewest that keep the level. */
const CURVE = [0.5, 0.7, 0.85, 1.2];
/** Ceilings that are tried for the planner beyond the fewest of a fixed fleet. */
const CEILINGS = 4;

/**
 * The fewest GPUs that keep a pool's level on these requests: of a fixed fleet, then with Sluice's planner scaling below a
 * ceiling, from that size up. Each trial is a simulation of the whole system with this pool alone, on an inventory that is
 * large enough. Errors: `invalid_request` where one worker has no room.
 */
export function planPool(input: PoolPlanInput): PoolPlan {
  const { pool, engine, maxGpus, requests, leadSeconds } = input;
  const arrivals = requests.filter(({ atSeconds }) => atSeconds >= leadSeconds).length;
  const tp: Replicas = { prefill: engine.tp.prefill, decode: engine.tp.vllm };
  const { prefill } = floorOf(1, policyOf(input.config, pool, tp));
  const least = gpusOf({ prefill, decode: 1 }, { tp });
  if (least > maxGpus)
    throw new SluiceError(
      'invalid_request',
      `pool ${pool.name}: expected room for one worker, which takes ${least} GPUs, got ${maxGpus}; raise --max-gpus`,
    );
  const known = new Map<string, FleetOutcome>();
  const fixed = (workers: Replicas): FleetOutcome => {
    const seen = known.get(show(workers));
    if (seen !== undefined) return seen;
    const outcome = run(input, workers, arrivals, true);
    known.set(show(workers), outcome);
    input.onFleet?.('fixed', outcome);
    return outcome;
  };
  const base = {
    pool: pool.name,
    level: pool.level,
    requests: arrivals,
    violationsAllowed: pool.violationsAllowed,
    targets: pool.targets,
    gpusPerWorker: tp.decode,
  };
  const found = fewestWorkers({ trial: fixed, tp, prefill, mostGpus: maxGpus, arrivals });
  if (found.fewest === null) {
    const fails = { best: fixed(found.best), saturated: found.saturated };
    return { ...base, fixed: null, scaled: null, fails, curve: curveOf([...known.values()], null) };
  }
  const { fewest } = found;
  const scaledBy = (share: number): Replicas => ({
    prefill: Math.max(prefill, Math.round(share * fewest.prefill)),
    decode: Math.max(1, Math.round(share * fewest.decode)),
  });
  for (const size of [...CURVE.map(scaledBy), { ...fewest, decode: fewest.decode + 1 }])
    if (gpusOf(size, { tp }) <= maxGpus) fixed(size);
  const answer = fixed(fewest);
  return {
    ...base,
    fixed: answer,
    scaled: scaledFrom(fewest),
    fails: null,
    curve: curveOf([...known.values()], answer),
  };

  function scaledFrom(size: Replicas): FleetOutcome | null {
    const stride = Math.max(1, Math.round(size.decode / 10));
    for (let k = 0; k <= CEILINGS; k++) {
      const ceiling = { ...size, decode: size.decode + k * stride };
      if (gpusOf(ceiling, { tp }) > maxGpus) return null;
      const outcome = run(input, ceiling, arrivals, false);
      input.onFleet?.('scaled', outcome);
      if (outcome.kept) return outcome;
    }
    return null;
  }
}

/** One fleet for each number of GPUs: the answer, else the one with the most in time. */
function curveOf(tried: readonly FleetOutcome[], answer: FleetOutcome | null): FleetOutcome[] {
  const best = new Map<number, FleetOutcome>();
  for (const fleet of tried) {
    const other = best.get(fleet.gpus);
    if (other === undefined || fleet.attained > other.attained) best.set(fleet.gpus, fleet);
  }
  if (answer !== null) best.set(answer.gpus, answer);
  return [...best.values()].sort((a, b) => a.gpus - b.gpus);
}

function run(input: PoolPlanInput, fleet: Replicas, arrivals: number, isFixed: boolean): FleetOutcome {
  const { pool, engine, requests, leadSeconds, durationSeconds } = input;
  const gpus = gpusOf(fleet, { tp: { prefill: engine.tp.prefill, decode: engine.tp.vllm } });
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
  return { workers: fleet.decode, prefillWorkers: fleet.prefill, gpus, ...judged(result, pool, arrivals) };
}

function judged({ tally, figures, atRequiredShare }: PoolResult, pool: PoolConfig, arrivals: number) {
  const { attained, completed, lost } = tally;
  return {
    attained,
    attainment: arrivals === 0 ? 1 : attained / arrivals,
    unanswered: arrivals === 0 ? 0 : Math.max(0, 1 - completed / arrivals),
    kept: lost === 0 && within(arrivals, attained, pool.violationsAllowed),
    gpuHours: figures.gpuSeconds / 3600,
    ...atRequiredShare,
  };
}
