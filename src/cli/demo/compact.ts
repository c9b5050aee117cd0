import type { LatencyFigures } from '../../contract/report.js';
import type { PoolStatus, SystemStatus } from '../../contract/status.js';
import { alignedTable } from '../report/table.js';
import { clean } from '../status/text.js';

const DECISIONS_SHOWN = 5;

/** The status in a few plain lines: one for each pool, then the decisions made after `sinceMs` (Unix ms). */
export function compactStatus(status: SystemStatus, sinceMs: number): string[] {
  const rows = status.pools.map((pool) => [
    `  ${pool.name}`,
    pool.planner.state ?? '-',
    `${pool.gpus.length}/${pool.gpuCeiling} GPUs`,
    `${pool.queue.waiting} waiting`,
    `${pool.queue.running} running`,
    latencyText(pool),
    `attained ${percentOf(pool.run.attainment)}`,
  ]);
  const decisions = status.pools
    .flatMap(({ name, planner }) => planner.transitions.map((step) => ({ name, ...step })))
    .filter(({ atMs }) => atMs > sinceMs)
    .sort((a, b) => a.atMs - b.atMs)
    .slice(-DECISIONS_SHOWN)
    .map(({ name, from, to, reason }) => `  ${name}: ${from} -> ${to}: ${clean(reason)}`);
  return [...alignedTable(rows), ...decisions];
}

function latencyText(pool: PoolStatus): string {
  const key = `p${pool.latencyPercentile}`;
  const seconds = isFigure(key) ? pool.minute.ttftSeconds[key] : pool.minute.ttftSeconds.p95;
  const text = seconds === null ? '-' : `${seconds.toFixed(2)} s`;
  return `TTFT ${isFigure(key) ? key : 'p95'} ${text} of ${pool.targets.ttftSeconds} s`;
}

function isFigure(key: string): key is keyof LatencyFigures {
  return ['p50', 'p80', 'p90', 'p95', 'p99'].includes(key);
}

function percentOf(share: number | null): string {
  return share === null ? '-' : `${(share * 100).toFixed(1)} %`;
}
