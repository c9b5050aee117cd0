import type { Config } from '../../config/types.js';
import type { RunReport } from '../../contract/report.js';
import type { SimResult } from '../../simulator/run/result.js';
import type { SeriesRow } from '../../simulator/run/series.js';
import { type PoolTally, reportOf } from './build.js';
import { runPage } from './html/run-page.js';

const NOTHING: PoolTally = {
  requests: 0,
  completed: 0,
  failed: 0,
  expired: 0,
  cancelled: 0,
  relegated: 0,
  lost: 0,
  attained: 0,
  workTokens: 0,
  attainedTokens: 0,
  ttftSeconds: { mean: null, p50: null, p80: null, p90: null, p95: null, p99: null },
  itlSeconds: { mean: null, p50: null, p80: null, p90: null, p95: null, p99: null },
  tokens: { delivered: 0, duplicated: 0, missing: 0 },
};

/** The report of a simulation, in the shape of a live run's; seconds are virtual. */
export function simulatedReport(config: Config, result: SimResult): RunReport {
  const pools = Object.entries(result.pools);
  return reportOf(
    config,
    Object.fromEntries(pools.map(([name, { tally }]) => [name, tally])),
    NOTHING,
    {
      pools: Object.fromEntries(pools.map(([name, { figures }]) => [name, figures])),
      maxGpus: result.maxGpus,
      seconds: result.wallSeconds,
    },
    result.wallSeconds,
    false,
  );
}

/** The simulation as one HTML page. @param name of what was simulated */
export function simulatedPage(name: string, config: Config, result: SimResult): string {
  const pools = Object.entries(result.pools);
  return runPage({
    title: `Simulation of ${name}`,
    report: simulatedReport(config, result),
    config,
    series: pools.flatMap(([, { series }]) => series),
    planners: Object.fromEntries(pools.map(([pool, { figures }]) => [pool, figures])),
    startedAtMs: result.beganAtMs,
  });
}

/** The time series of all pools: JSON where the file's name ends so, else CSV. */
export function seriesText(result: SimResult, file: string): string {
  const rows = Object.values(result.pools)
    .flatMap(({ series }) => series)
    .sort((a, b) => a.atSeconds - b.atSeconds);
  if (file.endsWith('.json')) return `${JSON.stringify(rows, null, 1)}\n`;
  const columns = Object.keys(rows[0] ?? {}) as (keyof SeriesRow)[];
  const lines = rows.map((row) => columns.map((column) => row[column] ?? '').join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}
