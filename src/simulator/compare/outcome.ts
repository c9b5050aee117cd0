import type { Config, PoolConfig } from '../../config/types.js';
import type { LatencyFigures } from '../../contract/report.js';
import { plannerActivity, reversalSeconds } from '../../telemetry/activity.js';
import type { PoolResult, SimResult } from '../run/result.js';
import type { SeriesRow } from '../run/series.js';
import { type HourFigures, hoursOf, type WorstMinute, worstMinute } from './hours.js';

/** What one policy came to for one pool. Shares are 0..1; nothing is rounded but latencies. */
export interface PoolOutcome {
  level: string;
  requests: number;
  attained: number;
  attainment: number;
  violationsAllowed: number;
  lost: number;
  /** Requests within their SLO per second, and their prompt and output tokens. */
  goodputRps: number;
  goodputTokensPerSecond: number;
  /** 0..1 of all tokens. */
  tokenAttainment: number;
  ttftSeconds: LatencyFigures;
  itlSeconds: LatencyFigures;
  gpuHours: number;
  /** Of the pool's whole budget over the same time. */
  staticGpuHours: number;
  costUsd: number;
  maxGpus: number;
  scaleUps: number;
  scaleDowns: number;
  reversals: number;
  worstMinute: WorstMinute | null;
  hours: HourFigures[];
  series: SeriesRow[];
}

/** One run of one policy. */
export interface Outcome {
  wallSeconds: number;
  /** The run was given up, since a level could not be kept any more: all figures are of the time until then. */
  stopped?: boolean;
  pools: Record<string, PoolOutcome>;
}

export function outcomeOf(config: Config, result: SimResult): Outcome {
  const pools = Object.values(config.pools).flatMap((pool): [string, PoolOutcome][] => {
    const of = result.pools[pool.name];
    return of === undefined ? [] : [[pool.name, poolOutcome(config, pool, of, result.wallSeconds)]];
  });
  return { wallSeconds: result.wallSeconds, pools: Object.fromEntries(pools) };
}

function poolOutcome(config: Config, pool: PoolConfig, result: PoolResult, wallSeconds: number): PoolOutcome {
  const { tally, figures, series } = result;
  const gpuHours = figures.gpuSeconds / 3600;
  const perSecond = (count: number) => (wallSeconds > 0 ? count / wallSeconds : 0);
  const { scaleUps, scaleDowns, reversals } = plannerActivity(
    figures.start,
    figures.steps,
    reversalSeconds(config, pool),
  );
  return {
    level: pool.level,
    requests: tally.requests,
    attained: tally.attained,
    attainment: tally.requests === 0 ? 1 : tally.attained / tally.requests,
    violationsAllowed: pool.violationsAllowed,
    lost: tally.lost,
    goodputRps: perSecond(tally.attained),
    goodputTokensPerSecond: perSecond(tally.attainedTokens),
    tokenAttainment: tally.workTokens === 0 ? 1 : tally.attainedTokens / tally.workTokens,
    ttftSeconds: tally.ttftSeconds,
    itlSeconds: tally.itlSeconds,
    gpuHours,
    staticGpuHours: (pool.gpuBudget.ceiling * wallSeconds) / 3600,
    costUsd: gpuHours * config.pricing.usdPerGpuHour,
    maxGpus: figures.maxGpus,
    scaleUps,
    scaleDowns,
    reversals,
    worstMinute: worstMinute(series),
    hours: hoursOf(series),
    series,
  };
}
