import { type Reach, reach, reachCells } from '../support/reach.js';
import type { Estimate, Spread } from '../support/stats.js';
import type { CostFigures } from './cost.js';
import type { InspectionFigures } from './inspection.js';
import type { LiveFigures } from './live.js';

interface Measured {
  cpus: number;
  /** Load average of a minute when it ended. */
  load: number;
  node: string;
  /** Asked for, requests a second. */
  rate: number;
  cost: CostFigures;
  live: LiveFigures;
  inspection: InspectionFigures;
  /** What the configuration lets the streams of all pools hold at most, bytes, at the mean size of what is there. */
  historyBytes: number | null;
}

export interface DashboardReport extends Measured {
  reach: Reach[];
}

const COST_SHARE = 0.05;
const PAGE_BYTES_PER_SECOND = 20_000;
const PAGE_BYTES = 250_000;
const FIRST_PAINT_MS = 1_000;
const INSPECTED_SHARE = 0.05;
/** What two planners that do the same differ by, at most, is no cost that can be measured. */
const UNINSPECTED_SHARE = 0.01;

/** Bytes a second of a page: the mean over the busiest of the loads. */
export function bytesPerPage({ cost, live }: Pick<Measured, 'cost' | 'live'>): number {
  const each = [...cost.read, live.read].map(({ bytes, pages, seconds }) => bytes / pages / seconds);
  return Math.max(...each);
}

/** Judged in percent. */
function shareOf(what: string, value: number, most: number): Reach {
  return reach(what, value * 100, `<= ${most * 100}`, () => value <= most);
}

/** What is asked of the figures. */
export function reachOf(measured: Measured): Reach[] {
  const { cost, live, inspection } = measured;
  return [
    shareOf("feed's share of a gateway core's throughput, %", cost.cpuShare.value, COST_SHARE),
    reach(
      'KB/s of a page',
      bytesPerPage(measured) / 1e3,
      '<= 20',
      (value) => value * 1e3 <= PAGE_BYTES_PER_SECOND,
    ),
    reach('page compressed, KB', live.pageBytes / 1e3, '<= 250', (value) => value * 1e3 <= PAGE_BYTES),
    reach('first paint, ms', live.paint?.firstMs.median ?? null, '< 1000', (value) => value < FIRST_PAINT_MS),
    shareOf('planner time, inspector connected, % more', inspection.onShare.median, INSPECTED_SHARE),
    shareOf('planner time, inspector off, % more', inspection.offShare.median, UNINSPECTED_SHARE),
  ];
}

export function dashboardText(report: DashboardReport): string {
  const { cost, live, inspection } = report;
  const { transitions, decisions, samples } = live.history;
  const size = ({ entries, bytes }: { entries: number; bytes: number }) =>
    `${entries} entries, ${(bytes / 1e3).toFixed(0)} KB`;
  const all = [...cost.read, live.read];
  const lines: [string, string][] = [
    ['asked for, served', `${report.rate}, ${cost.served.toFixed(0)} requests/s (${cost.failed} failed)`],
    ['gateway CPU a request, no page', ms(cost.cpuMsWithout)],
    ['gateway CPU a request, pages open', ms(cost.cpuMsWith)],
    ['their difference, share of throughput', share(cost.cpuShares)],
    ['mean of the middle half of the rounds', estimate(cost.cpuShare)],
    ['at the limit, no page', `${round(cost.limitWithout)} requests/s`],
    ['at the limit, pages open', `${round(cost.limitWith)} requests/s`],
    ['their difference', share(cost.limitShare)],
    [
      'KB/s a page, by load',
      all.map(({ bytes, pages, seconds }) => (bytes / pages / seconds / 1e3).toFixed(1)).join(', '),
    ],
    [
      'most in ten seconds',
      `${(Math.max(...all.map((one) => one.mostBytesPerSecond)) / 1e3).toFixed(1)} KB/s`,
    ],
    ['first view', `${(live.read.firstBytes / 1e3).toFixed(1)} KB`],
    ['first paint', live.paint === null ? '-' : ms(live.paint.firstMs)],
    ['level cards with figures', live.paint === null ? '-' : ms(live.paint.figuresMs)],
    ['planner round, inspector off', ms(inspection.off)],
    ['planner round, inspector connected', ms(inspection.on)],
    ['their difference, share of a round', share(inspection.onShare)],
    ['a second planner, inspector off', share(inspection.offShare)],
    ['inspector heard', `${inspection.messages} messages of ${inspection.rounds} rounds and those before`],
    ['Redis, transitions of all pools', size(transitions)],
    ['Redis, decisions of all pools', size(decisions)],
    ['Redis, samples', size(samples)],
    [
      'Redis, all of these at most',
      report.historyBytes === null ? '-' : `${(report.historyBytes / 1e6).toFixed(0)} MB`,
    ],
  ];
  const width = Math.max(
    ...lines.map(([name]) => name.length),
    ...report.reach.map(({ what }) => what.length),
  );
  return [
    `${report.cpus} CPUs, load average ${report.load.toFixed(1)}, Node ${report.node}`,
    '',
    ...lines.map(([name, value]) => `${name.padEnd(width)}  ${value}`),
    '',
    'Ranges: least / median / most, of the rounds or of their blocks.',
    '',
    ...report.reach.map((figure) => {
      const [what, ...cells] = reachCells(figure);
      return `${what.padEnd(width)}  ${cells.join('  ')}`;
    }),
  ].join('\n');
}

function ms(value: Spread): string {
  return `${[value.min, value.median, value.max].map((one) => one.toFixed(one < 10 ? 3 : 0)).join(' / ')} ms`;
}

function share(value: Spread): string {
  return `${[value.min, value.median, value.max].map((one) => (one * 100).toFixed(1)).join(' / ')} %`;
}

function estimate({ value, error }: Estimate): string {
  return `${(value * 100).toFixed(1)} %, standard error ${(error * 100).toFixed(1)} %`;
}

function round(value: Spread): string {
  return [value.min, value.median, value.max].map((one) => one.toFixed(0)).join(' / ');
}
