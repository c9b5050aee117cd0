import type { Lines, PoolFigures } from '../../what-if/view.js';
import type { ChartShape, Column, Line } from '../charts/shapes.js';
import { count, percent, rate, seconds } from '../format.js';

/** One level in both runs. */
export interface Both {
  configured: PoolFigures;
  changed: PoolFigures;
  /** Of a time of the charts, in words. */
  timeText: (seconds: number) => string;
  /** What the charts' times count from, seconds. */
  from: number;
}

/** Load, and then both runs laid over each other. */
export function shapesOf(both: Both): ChartShape[] {
  const { configured, changed } = both;
  const targets = (which: 'ttftSeconds' | 'itlSeconds'): Limits => ({
    name: 'target',
    configured: configured.targets[which],
    changed: changed.targets[which],
  });
  return [
    loadShape(both),
    overlaid(both, 'GPUs', (lines) => lines.gpus, count, { stepped: true, whole: true }),
    overlaid(both, 'Missed their promise', missed, (value) => percent(value), {
      limits: { name: 'allowed', configured: 1 - configured.promised, changed: 1 - changed.promised },
    }),
    overlaid(both, 'Waiting requests', (lines) => lines.waiting, count, { whole: true }),
    overlaid(both, `TTFT p${changed.latencyPercentile}`, (lines) => lines.ttft, latency, {
      limits: targets('ttftSeconds'),
    }),
    overlaid(both, `ITL p${changed.latencyPercentile}`, (lines) => lines.itl, latency, {
      limits: targets('itlSeconds'),
    }),
  ];
}

interface Limits {
  name: string;
  configured: number;
  changed: number;
}

interface More {
  stepped?: boolean;
  whole?: boolean;
  limits?: Limits;
}

function loadShape({ configured: { lines }, timeText, from }: Both): ChartShape {
  return {
    title: 'Load of both, requests/s',
    times: lines.at.map((at) => from + at),
    lines: [{ name: 'arriving', colour: 'load', values: lines.load, width: 2 }],
    format: rate,
    timeText,
    over: true,
    summary: `Load of both runs: at most ${rate(most(lines.load))} requests a second`,
  };
}

function overlaid(
  { configured, changed, timeText, from }: Both,
  title: string,
  of: (lines: Lines) => Column,
  format: (value: number) => string,
  { stepped = false, whole = false, limits }: More = {},
): ChartShape {
  // A run that took longer to its last answer has more intervals.
  const longer = configured.lines.at.length >= changed.lines.at.length ? configured.lines : changed.lines;
  const length = longer.at.length;
  const [before, after] = [filled(of(configured.lines), length), filled(of(changed.lines), length)];
  const limit = (name: string, value: number): Line => ({
    name,
    colour: 'target',
    values: longer.at.map(() => value),
    dash: [2, 4],
  });
  const marks =
    limits === undefined
      ? []
      : limits.configured === limits.changed
        ? [limit(limits.name, limits.changed)]
        : [limit(`${limits.name} before`, limits.configured), limit(limits.name, limits.changed)];
  return {
    title,
    times: longer.at.map((at) => from + at),
    lines: [
      ...marks,
      { name: 'changed', colour: 'accent', values: after, width: 2.5, stepped },
      { name: 'as configured', colour: 'text', values: before, width: 1.5, dash: [4, 4], stepped },
    ],
    format,
    whole,
    timeText,
    over: true,
    summary: `${title}: at most ${format(most(before))} as configured, ${format(most(after))} changed`,
  };
}

function missed({ attainment }: Lines): Column {
  return attainment.map((share) => (share === null ? null : 1 - share));
}

/** Short enough for an axis. */
function latency(value: number): string {
  return value < 60 ? seconds(value) : `${rate(value / 60)} min`;
}

function filled(column: Column, length: number): Column {
  return Array.from({ length }, (_, at) => column[at] ?? null);
}

function most(column: Column): number {
  return column.reduce<number>((high, value) => Math.max(high, value ?? 0), 0);
}
