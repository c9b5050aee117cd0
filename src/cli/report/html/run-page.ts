import type { Config, PoolConfig } from '../../../config/types.js';
import type { PoolReport, RunReport } from '../../../contract/report.js';
import type { SeriesRow } from '../../../simulator/run/series.js';
import type { PlannerStart, PlannerStep } from '../../../telemetry/activity.js';
import { htmlDocument } from '../../page/document.js';
import { escaped, tag } from '../../page/svg.js';
import { thin } from '../../page/thin.js';
import { timeLines } from '../../page/time-lines.js';
import { duration } from '../../status/text.js';
import { INTERRUPTED_NOTE } from '../render.js';

const COLUMNS = 600;
/** Decisions listed of one pool; the newest are left out beyond them, and that is said. */
const DECISIONS = 200;

/** A run as its page shows it. */
export interface ShownRun {
  title: string;
  report: RunReport;
  config: Config;
  /** Of all pools, each pool's in order of time. */
  series: readonly SeriesRow[];
  /** Where each planner stood, what it did, and when the load began on the clock of `atMs`. */
  planners: Record<string, { start: PlannerStart; steps: readonly PlannerStep[] }>;
  startedAtMs: number;
}

/** A run as one HTML file that needs nothing else: figures of each pool, its time lines, what its planner did and why. */
export function runPage(run: ShownRun): string {
  const { title, report, config } = run;
  const { total } = report;
  const saved = total.staticGpuHours > 0 ? 1 - total.gpuHours / total.staticGpuHours : null;
  const facts = [
    `${total.requests} requests in ${duration(total.wallSeconds)}, ${total.completed} completed, ${total.lost} lost`,
    `attained ${percent(total.attainment)} (${percent(total.tokenAttainment)} weighed by tokens), goodput ${total.goodputRps.toFixed(2)} requests/s`,
    `${total.gpuHours.toFixed(3)} GPU-hours of ${total.staticGpuHours.toFixed(3)} static${saved === null ? '' : ` (saved ${percent(saved)})`}, at most ${total.maxGpus} GPUs`,
  ];
  const pools = Object.values(config.pools).toSorted((a, b) => a.priority - b.priority);
  const body = [
    tag('h1', {}, escaped(title)),
    ...(report.interrupted ? [tag('p', {}, escaped(INTERRUPTED_NOTE))] : []),
    tag('p', {}, facts.map(escaped).join('<br>')),
    tag('h2', {}, 'What each pool kept, and what it cost'),
    tag('div', { class: 'scroll' }, poolTable(pools, report)),
    ...pools.map((pool) => poolSection(pool, run)),
  ].join('\n');
  return htmlDocument(title, body);
}

const COLUMNS_OF_TABLE: [heading: string, of: (pool: PoolReport, config: PoolConfig) => string][] = [
  ['Requests', ({ requests }) => String(requests)],
  ['Attained', ({ attainment }) => percent(attainment)],
  ['Needed', ({ violationsAllowed }) => percent(1 - violationsAllowed)],
  ['TTFT p50', ({ ttftSeconds }) => seconds(ttftSeconds.p50)],
  ['p95', ({ ttftSeconds }, { targets }) => `${seconds(ttftSeconds.p95)} of ${seconds(targets.ttftSeconds)}`],
  ['ITL p50', ({ itlSeconds }) => seconds(itlSeconds.p50)],
  ['p95', ({ itlSeconds }, { targets }) => `${seconds(itlSeconds.p95)} of ${seconds(targets.itlSeconds)}`],
  ['GPU-hours', ({ gpuHours }) => gpuHours.toFixed(3)],
  ['Cost', ({ costUsd }) => `$${costUsd.toFixed(2)}`],
  ['Up', ({ scaleUps }) => String(scaleUps)],
  ['Down', ({ scaleDowns }) => String(scaleDowns)],
  ['Reversals', ({ reversals }) => String(reversals)],
  ['Failed', ({ failed, expired, lost }) => String(failed + expired + lost)],
];

function poolTable(pools: readonly PoolConfig[], report: RunReport): string {
  const headings = ['Pool', 'Kept', ...COLUMNS_OF_TABLE.map(([heading]) => heading)];
  const head = tag('tr', {}, headings.map((heading) => tag('th', {}, escaped(heading))).join(''));
  const rows = pools.flatMap((pool) => {
    const figures = report.pools[pool.name];
    if (figures === undefined) return [];
    const kept = figures.lost === 0 && figures.attainment >= 1 - figures.violationsAllowed;
    const verdict =
      figures.requests === 0 ? '' : tag('span', { class: kept ? 'yes' : 'no' }, kept ? 'yes' : 'no');
    const cells = COLUMNS_OF_TABLE.map(([, of]) => tag('td', {}, escaped(of(figures, pool))));
    return [
      tag(
        'tr',
        {},
        tag('td', { class: 'name' }, escaped(pool.name)) + tag('td', {}, verdict) + cells.join(''),
      ),
    ];
  });
  return tag('table', {}, tag('thead', {}, head) + tag('tbody', {}, rows.join('')));
}

function poolSection(pool: PoolConfig, run: ShownRun): string {
  const rows = run.series.filter((row) => row.pool === pool.name);
  const columns = thin(rows, COLUMNS);
  const { start, steps } = run.planners[pool.name] ?? { start: { state: null, ordered: null }, steps: [] };
  if (columns.length === 0) return '';
  const chart = timeLines({
    columns,
    hours: (rows.at(-1)?.atSeconds ?? 0) / 3600,
    mostGpus: pool.gpuBudget.ceiling,
    mostRps: Math.max(1e-3, ...columns.map(({ rps }) => rps)),
    ttftTarget: pool.targets.ttftSeconds,
    itlTarget: pool.targets.itlSeconds,
    missed: [],
    excused: [],
    actions: actionsOf(start, steps, run.startedAtMs),
  });
  return [
    tag('h2', {}, `Pool ${escaped(pool.name)}`),
    tag('div', { class: 'legend' }, legendOf(pool)),
    tag('div', { class: 'card' }, chart),
    decisions(steps, run.startedAtMs),
  ].join('\n');
}

function legendOf(pool: PoolConfig): string {
  const key = (color: string, text: string) =>
    tag('span', {}, `<i style="background:var(--${color})"></i>${escaped(text)}`);
  return [
    key('blue-soft', 'GPUs leased'),
    key('blue', 'of ready workers'),
    key('amber', 'requests/s'),
    key('green', `TTFT p${pool.latencyPercentile} over ${pool.targets.ttftSeconds} s`),
    key('violet', `ITL p${pool.latencyPercentile} over ${pool.targets.itlSeconds * 1000} ms`),
    key('ink', 'scale action: point at it for its reason'),
  ].join('');
}

/** Orders that changed the number of workers. */
function actionsOf(
  start: PlannerStart,
  steps: readonly PlannerStep[],
  startedAtMs: number,
): { atHours: number; up: boolean; text: string }[] {
  let ordered = start.ordered;
  return steps.flatMap((step) => {
    if (step.ordered === null || step.ordered === ordered) return [];
    const before = ordered;
    ordered = step.ordered;
    const atSeconds = Math.max(0, step.atMs - startedAtMs) / 1000;
    const text = `${duration(atSeconds)}: ${before ?? '?'} to ${step.ordered} workers. ${step.reason}`;
    return [{ atHours: atSeconds / 3600, up: step.ordered > (before ?? 0), text }];
  });
}

function decisions(steps: readonly PlannerStep[], startedAtMs: number): string {
  const shown = steps.slice(0, DECISIONS).map(({ atMs, from, to, ordered, reason }) => {
    const cells = [
      duration(Math.max(0, atMs - startedAtMs) / 1000),
      from === to ? to : `${from} to ${to}`,
      ordered === null ? '' : `${ordered} workers`,
      reason,
    ];
    return tag(
      'tr',
      {},
      cells.map((text, k) => tag('td', k === 3 ? { class: 'why' } : {}, escaped(text))).join(''),
    );
  });
  if (shown.length === 0) return tag('p', {}, 'Its planner did nothing.');
  const more = steps.length > DECISIONS ? tag('p', {}, `and ${steps.length - DECISIONS} more`) : '';
  const summary = tag('summary', {}, `What its planner did, and why (${steps.length})`);
  return tag(
    'details',
    {},
    `${summary}${tag('div', { class: 'scroll' }, tag('table', {}, shown.join('')))}${more}`,
  );
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function seconds(value: number | null): string {
  if (value === null) return '-';
  return value < 1 ? `${Math.round(value * 1000)} ms` : `${value.toFixed(2)} s`;
}
