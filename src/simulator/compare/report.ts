import type { Constants } from '../baselines/policy.js';
import type { PeakScales } from '../capacity/peak.js';
import type { ArrivalFigures } from './arrivals.js';
import type { OracleBounds } from './bounds.js';
import type { Outcome, PoolOutcome } from './outcome.js';
import type { ComparedPolicy } from './policies.js';
import { type ExcusedHours, keepsLevels, type PoolVerdict, poolVerdict } from './verdict.js';

/** One seed of a scenario. */
export interface SeedFacts {
  seed: number;
  /** Hours that are counted. */
  hours: number;
  arrivals: Record<string, ArrivalFigures>;
  peaks: PeakScales;
  /** Hours of each pool that the whole budget, held all the time, does not keep. */
  excused: ExcusedHours;
  /** GPU-hours of all budgets held until the last request has ended under them: the whole of a policy's share. */
  staticGpuHours: number;
  /** What the oracle came to, by pool; null: it was not run. */
  bounds: Record<string, OracleBounds> | null;
}

/** One policy, one set of constants, one seed. */
export interface RunOfPolicy {
  seed: number;
  /** Every level kept, overall and in at least 98 % of the hours that can be kept, nothing lost. */
  keeps: boolean;
  note: string | null;
  /** Given up when a level could not be kept any more: all figures are of the time until then. */
  stopped: boolean;
  gpuHours: number;
  /**
   * 0..1 of the seed's `staticGpuHours`, so that a run that goes on for longer, over a backlog, is no cheaper for it; where
   * it was given up, of all budgets held until then.
   */
  ofStaticFull: number;
  costUsd: number;
  goodputRps: number;
  reversals: number;
  pools: Record<string, PoolOutcome & { verdict: PoolVerdict }>;
}

export interface Spread {
  mean: number;
  min: number;
  max: number;
}

export interface VariantReport {
  constants: Constants;
  runs: RunOfPolicy[];
  /** Seeds at which every level was kept. */
  keeps: number;
  gpuHours: Spread;
  ofStaticFull: Spread;
}

export interface PolicyReport {
  name: string;
  title: string;
  source: string;
  /** In the order of the policy's grid, the published constants first. */
  variants: VariantReport[];
  /** Place of the variant that keeps the levels at most seeds, among those at the fewest GPU-hours. */
  best: number;
}

export interface Comparison {
  file: string;
  title: string;
  sources: string[];
  coldStartSeconds: number;
  seeds: SeedFacts[];
  policies: PolicyReport[];
}

export function runOfPolicy(
  { seed, excused, staticGpuHours }: Pick<SeedFacts, 'seed' | 'excused' | 'staticGpuHours'>,
  outcome: Outcome,
  note: string | null,
): RunOfPolicy {
  const pools = Object.values(outcome.pools);
  const sum = (of: (pool: PoolOutcome) => number) => pools.reduce((total, pool) => total + of(pool), 0);
  const gpuHours = sum((pool) => pool.gpuHours);
  const stopped = outcome.stopped ?? false;
  return {
    seed,
    keeps: keepsLevels(outcome, excused),
    note,
    stopped,
    gpuHours,
    ofStaticFull: gpuHours / (stopped ? sum((pool) => pool.staticGpuHours) : staticGpuHours),
    costUsd: sum((pool) => pool.costUsd),
    goodputRps: sum((pool) => pool.goodputRps),
    reversals: sum((pool) => pool.reversals),
    pools: Object.fromEntries(
      Object.entries(outcome.pools).map(([name, pool]) => [
        name,
        { ...pool, verdict: poolVerdict(pool, excused[name]) },
      ]),
    ),
  };
}

/** `runs`: of each entry of the policy's grid that was run, by seed. */
export function policyReport(policy: ComparedPolicy, runs: readonly RunOfPolicy[][]): PolicyReport {
  const { name, title, source, grid } = policy;
  const variants = runs.map(
    (own, k): VariantReport => ({
      constants: grid[k] ?? {},
      runs: own,
      keeps: own.filter(({ keeps }) => keeps).length,
      gpuHours: spread(own.map(({ gpuHours }) => gpuHours)),
      ofStaticFull: spread(own.map(({ ofStaticFull }) => ofStaticFull)),
    }),
  );
  let best = 0;
  for (const [k, variant] of variants.entries()) {
    const least = variants[best];
    if (least !== undefined && better(variant, least)) best = k;
  }
  return { name, title, source, variants, best };
}

function better(a: VariantReport, b: VariantReport): boolean {
  if (a.keeps !== b.keeps) return a.keeps > b.keeps;
  if (a.keeps > 0) return a.gpuHours.mean < b.gpuHours.mean;
  return nearness(a) > nearness(b);
}

/** How near a variant that keeps nothing comes: the least share of hours kept of any pool, over the seeds; 0 where given up. */
function nearness({ runs }: VariantReport): number {
  const shares = runs.map(({ pools, stopped }) =>
    Math.min(
      stopped ? 0 : 1,
      ...Object.values(pools).map(({ verdict: { hours }, attainment }) =>
        hours.judged === 0 ? attainment : hours.kept / hours.judged,
      ),
    ),
  );
  return spread(shares).mean;
}

function spread(values: readonly number[]): Spread {
  if (values.length === 0) return { mean: 0, min: 0, max: 0 };
  return {
    mean: values.reduce((sum, value) => sum + value, 0) / values.length,
    min: Math.min(...values),
    max: Math.max(...values),
  };
}
