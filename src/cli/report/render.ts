import type { Config } from '../../config/types.js';
import type { LatencyFigures, RunReport } from '../../contract/report.js';
import type { RequestRecord } from '../../simulator/load/record.js';
import { percentile } from './percentiles.js';
import { alignedTable } from './table.js';
import { keptPromise } from './verdict.js';

const NONE = '-';
const PERCENTILES = ['mean', 'p50', 'p80', 'p90', 'p95', 'p99'] as const satisfies (keyof LatencyFigures)[];

/** The report for a reader: one table, a verdict for each pool, then the whole against static full provisioning. An interrupted run says so first. */
export function renderReport(report: RunReport, config: Config): string {
  const lines = report.interrupted ? [INTERRUPTED_NOTE, ''] : [];
  lines.push(...alignedTable(tableRows(report, config)), '');
  for (const name of Object.keys(report.pools)) lines.push(poolVerdict(report, config, name));
  lines.push('', ...totalLines(report, config));
  return `${lines.join('\n')}\n`;
}

function tableRows(report: RunReport, config: Config): string[][] {
  const pools = Object.entries(report.pools);
  const { total } = report;
  const row = (label: string, cell: (pool: RunReport['pools'][string], name: string) => string, sum = '') => [
    label,
    ...pools.map(([name, pool]) => cell(pool, name)),
    sum,
  ];
  const budget = Object.values(config.pools).reduce((gpus, pool) => gpus + pool.gpuBudget.ceiling, 0);
  const cost = pools.reduce((usd, [, pool]) => usd + pool.costUsd, 0);
  return [
    row('', (_, name) => name, 'total'),
    row('requests', (pool) => String(pool.requests), String(total.requests)),
    row('  completed', (pool) => String(pool.completed), String(total.completed)),
    ...(['failed', 'expired', 'cancelled', 'lost'] as const).map((end) =>
      row(
        `  ${end}`,
        (pool) => String(pool[end]),
        String(pools.reduce((all, [, pool]) => all + pool[end], 0)),
      ),
    ),
    ...(pools.some(([, pool]) => pool.relegated > 0)
      ? [row('served at a lower level', (pool) => String(pool.relegated))]
      : []),
    row('attainment', (pool) => percent(pool.attainment), percent(total.attainment)),
    row('  weighed by tokens', (pool) => percent(pool.tokenAttainment), percent(total.tokenAttainment)),
    row('  promised', (pool) => percent(1 - pool.violationsAllowed)),
    row('TTFT target, s', (_, name) => target(config, name, 'ttftSeconds')),
    ...PERCENTILES.map((key) => row(`  ${key}`, (pool) => fixed(pool.ttftSeconds[key], 3))),
    row('ITL target, s', (_, name) => target(config, name, 'itlSeconds')),
    ...PERCENTILES.map((key) => row(`  ${key}`, (pool) => fixed(pool.itlSeconds[key], 4))),
    row('GPU-hours', (pool) => fixed(pool.gpuHours, 4), fixed(total.gpuHours, 4)),
    row('  static, all GPUs', (pool) => fixed(pool.staticGpuHours, 4), fixed(total.staticGpuHours, 4)),
    row('cost, USD', (pool) => fixed(pool.costUsd, 3), fixed(cost, 3)),
    row(
      'most GPUs / budget',
      (pool, name) => `${pool.maxGpus} / ${config.pools[name]?.gpuBudget.ceiling ?? NONE}`,
      `${total.maxGpus} / ${budget}`,
    ),
    row('scale-ups', (pool) => String(pool.scaleUps)),
    row('scale-downs', (pool) => String(pool.scaleDowns)),
    row('reversals', (pool) => String(pool.reversals)),
  ];
}

function poolVerdict(report: RunReport, config: Config, name: string): string {
  const pool = report.pools[name];
  const settings = config.pools[name];
  if (!pool || !settings) return name;
  if (pool.requests === 0) return `${name}: nobody asked; states ${states(pool.statesVisited)}`;
  const { ttftSeconds, itlSeconds } = settings.targets;
  return (
    `${name}: ${keptPromise(pool) ? 'kept its promise' : 'BROKE ITS PROMISE'}: ${percent(1 - pool.attainment)} of ` +
    `${pool.requests} requests missed TTFT ${ttftSeconds} s or ITL ${itlSeconds} s, ` +
    `${percent(pool.violationsAllowed)} allowed; states ${states(pool.statesVisited)}`
  );
}

function totalLines(report: RunReport, config: Config): string[] {
  const { total } = report;
  const price = config.pricing.usdPerGpuHour;
  const saved = total.staticGpuHours > 0 ? 1 - total.gpuHours / total.staticGpuHours : 0;
  const { tokens } = total;
  return [
    `lost ${total.lost}; tokens delivered ${tokens.delivered}, twice ${tokens.duplicated}, missing ${tokens.missing}`,
    `${fixed(total.gpuHours, 4)} GPU-hours, ${fixed(total.gpuHours * price, 3)} USD; static full provisioning ` +
      `${fixed(total.staticGpuHours, 4)} GPU-hours, ${fixed(total.staticGpuHours * price, 3)} USD; saved ${percent(saved)}`,
    `goodput ${fixed(total.goodputRps, 2)} requests/s, ${fixed(total.goodputTokensPerSecond, 0)} prompt and output tokens/s, over ${fixed(total.wallSeconds, 1)} s`,
  ];
}

/** What the clients saw, and how late the driver itself was: not part of the shape, since it measures this machine. */
export function renderClientSide(records: readonly RequestRecord[], lateSeconds: number): string {
  const sorted = (key: 'ttftSeconds' | 'itlSeconds') =>
    records.flatMap((record) => record.client[key] ?? []).sort((a, b) => a - b);
  const ttft = sorted('ttftSeconds');
  const itl = sorted('itlSeconds');
  return (
    `seen by the client: TTFT p50 ${fixed(percentile(ttft, 50), 3)} s, p95 ${fixed(percentile(ttft, 95), 3)} s; ITL p50 ` +
    `${fixed(percentile(itl, 50), 4)} s, p95 ${fixed(percentile(itl, 95), 4)} s; driver at most ${fixed(lateSeconds, 3)} s late\n`
  );
}

/** Stands in the report of a run that was ended early, whose verdicts would mislead without it. */
export const INTERRUPTED_NOTE =
  'interrupted: the report covers what ran; requests that were open have been cancelled and count as misses';

/** The first few reasons why requests did not complete. */
export function renderFailures(records: readonly RequestRecord[]): string {
  const reasons = new Map<string, number>();
  for (const { end, code, message } of records) {
    if (end === 'completed') continue;
    const reason = code === null ? end : `${end}, ${code}: ${message ?? ''}`;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  const common = [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 5);
  return common.map(([reason, times]) => `${times} x ${reason}\n`).join('');
}

function target(config: Config, name: string, key: 'ttftSeconds' | 'itlSeconds'): string {
  return String(config.pools[name]?.targets[key] ?? NONE);
}

function states(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.join(', ');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

function fixed(value: number | null, digits: number): string {
  return value === null ? NONE : value.toFixed(digits);
}
