import type { Config, PoolConfig } from '../../config/types.js';
import type { LatencyFigures, PoolReport, RunReport } from '../../contract/report.js';
import type { RequestRecord, TokenCount } from '../../simulator/load/record.js';
import {
  type PlannerStart,
  type PlannerStep,
  plannerActivity,
  reversalSeconds,
} from '../../telemetry/activity.js';
import { latencyFigures } from './percentiles.js';

/** What the system did during a run; GPU-seconds are differences between its end and its start. */
export interface RunFigures {
  /** Seconds from the first reading of the GPU ledger to the last. */
  seconds: number;
  pools: Record<string, PoolFigures>;
  /** Most GPUs leased at one moment over all pools. */
  maxGpus: number;
}

export interface PoolFigures {
  gpuSeconds: number;
  maxGpus: number;
  start: PlannerStart;
  steps: readonly PlannerStep[];
}

/** A pool is named by a record, or follows from the level asked for where the request was refused. */
function poolOf(config: Config, record: RequestRecord): string | undefined {
  if (record.pool !== null) return record.pool;
  const level = record.level ?? config.defaultLevel;
  return Object.values(config.pools).find((pool) => pool.level === level)?.name;
}

/** Share of `count` in `all`; 1 where nobody asked, since no promise was broken. */
function share(count: number, all: number): number {
  return all === 0 ? 1 : count / all;
}

/** What became of the requests of one pool. */
export interface PoolTally {
  requests: number;
  completed: number;
  failed: number;
  expired: number;
  cancelled: number;
  relegated: number;
  lost: number;
  attained: number;
  /** Prompt and output tokens that all requests asked for, and those of the attained ones. */
  workTokens: number;
  attainedTokens: number;
  ttftSeconds: LatencyFigures;
  itlSeconds: LatencyFigures;
  tokens: TokenCount;
}

/**
 * The report of a run from the records of its requests; docs/report.md defines each figure.
 * @param wallSeconds from the load's start to its last end.
 * @param interrupted the load was ended by a signal.
 */
export function buildReport(
  config: Config,
  records: readonly RequestRecord[],
  figures: RunFigures,
  wallSeconds: number,
  interrupted: boolean,
): RunReport {
  const byPool = new Map<string, RequestRecord[]>(Object.keys(config.pools).map((name) => [name, []]));
  const nowhere: RequestRecord[] = [];
  for (const record of records) {
    const name = poolOf(config, record);
    ((name === undefined ? undefined : byPool.get(name)) ?? nowhere).push(record);
  }
  const tallies: Record<string, PoolTally> = {};
  for (const [name, own] of byPool) tallies[name] = tally(own);
  return reportOf(config, tallies, tally(nowhere), figures, wallSeconds, interrupted);
}

/** The same from what became of the requests by pool; `nowhere`: of those that belong to none. */
export function reportOf(
  config: Config,
  tallies: Readonly<Record<string, PoolTally>>,
  nowhere: PoolTally,
  figures: RunFigures,
  wallSeconds: number,
  interrupted: boolean,
): RunReport {
  const pools: Record<string, PoolReport> = {};
  let gpuHours = 0;
  let staticGpuHours = 0;
  for (const pool of Object.values(config.pools)) {
    const report = poolReport(config, pool, tallies[pool.name] ?? tally([]), figures);
    pools[pool.name] = report;
    gpuHours += report.gpuHours;
    staticGpuHours += report.staticGpuHours;
  }
  const all = [...Object.values(tallies), nowhere];
  const sum = (of: (tally: PoolTally) => number) => all.reduce((total, one) => total + of(one), 0);
  const requests = sum((one) => one.requests);
  const attained = sum((one) => one.attained);
  const attainedTokens = sum((one) => one.attainedTokens);
  return {
    pools,
    interrupted,
    total: {
      requests,
      completed: sum((one) => one.completed),
      lost: sum((one) => one.lost),
      attainment: share(attained, requests),
      tokenAttainment: share(
        attainedTokens,
        sum((one) => one.workTokens),
      ),
      goodputRps: wallSeconds > 0 ? attained / wallSeconds : 0,
      goodputTokensPerSecond: wallSeconds > 0 ? attainedTokens / wallSeconds : 0,
      gpuHours,
      staticGpuHours,
      maxGpus: figures.maxGpus,
      wallSeconds,
      tokens: {
        delivered: sum((one) => one.tokens.delivered),
        duplicated: sum((one) => one.tokens.duplicated),
        missing: sum((one) => one.tokens.missing),
      },
    },
  };
}

function tally(records: readonly RequestRecord[]): PoolTally {
  const tokens = { delivered: 0, duplicated: 0, missing: 0 };
  for (const record of records) {
    tokens.delivered += record.tokens.delivered;
    tokens.duplicated += record.tokens.duplicated;
    tokens.missing += record.tokens.missing;
  }
  return {
    requests: records.length,
    completed: count(records, 'completed'),
    failed: count(records, 'failed'),
    expired: count(records, 'expired'),
    cancelled: count(records, 'cancelled'),
    relegated: records.filter((record) => record.relegated).length,
    lost: count(records, 'lost'),
    attained: records.filter((record) => record.attained).length,
    workTokens: records.reduce((sum, record) => sum + record.workTokens, 0),
    attainedTokens: records.reduce((sum, record) => sum + (record.attained ? record.workTokens : 0), 0),
    ttftSeconds: latencyFigures(samples(records, 'ttftSeconds')),
    itlSeconds: latencyFigures(samples(records, 'itlSeconds')),
    tokens,
  };
}

function poolReport(config: Config, pool: PoolConfig, tallied: PoolTally, run: RunFigures): PoolReport {
  const figures = run.pools[pool.name];
  const gpuHours = (figures?.gpuSeconds ?? 0) / 3600;
  const start = figures?.start ?? { state: null, ordered: null };
  return {
    requests: tallied.requests,
    completed: tallied.completed,
    failed: tallied.failed,
    expired: tallied.expired,
    cancelled: tallied.cancelled,
    relegated: tallied.relegated,
    lost: tallied.lost,
    attainment: share(tallied.attained, tallied.requests),
    tokenAttainment: share(tallied.attainedTokens, tallied.workTokens),
    violationsAllowed: pool.violationsAllowed,
    ttftSeconds: tallied.ttftSeconds,
    itlSeconds: tallied.itlSeconds,
    gpuHours,
    staticGpuHours: (pool.gpuBudget.ceiling * run.seconds) / 3600,
    costUsd: gpuHours * config.pricing.usdPerGpuHour,
    ...plannerActivity(start, figures?.steps ?? [], reversalSeconds(config, pool)),
    maxGpus: figures?.maxGpus ?? 0,
  };
}

function count(records: readonly RequestRecord[], end: RequestRecord['end']): number {
  return records.filter((record) => record.end === end).length;
}

function samples(records: readonly RequestRecord[], figure: 'ttftSeconds' | 'itlSeconds'): number[] {
  return records.flatMap((record) => record[figure] ?? []);
}
