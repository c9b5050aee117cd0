import type { Column } from './thin.js';
import { linear, logarithmic, path, type Scale, short, steps, tag, ticks } from './svg.js';

const WIDTH = 1080;
const LEFT = 46;
const RIGHT = 46;
const TOP = 8;
const GPUS_HEIGHT = 84;
const GAP = 10;
const LATENCY_HEIGHT = 58;
const BOTTOM = 20;
/** Latencies are drawn as a multiple of their target, from a thirtieth to thirtyfold. */
const LATENCY_RANGE = [0.03, 30] as const;

export interface TimeLines {
  columns: readonly Column[];
  hours: number;
  /** Of the axes, common to all policies of a pool. */
  mostGpus: number;
  mostRps: number;
  ttftTarget: number;
  itlTarget: number;
  /** Hours that were not kept, and those that could not be. */
  missed: readonly number[];
  excused: readonly number[];
}

/** GPUs and load above, latencies over their targets below, one policy in one pool. */
export function timeLines(lines: TimeLines): string {
  const x = linear([0, lines.hours], [LEFT, WIDTH - RIGHT]);
  const gpus = linear([0, lines.mostGpus], [TOP + GPUS_HEIGHT, TOP]);
  const rps = linear([0, lines.mostRps], [TOP + GPUS_HEIGHT, TOP]);
  const latencyTop = TOP + GPUS_HEIGHT + GAP;
  const latency = logarithmic(LATENCY_RANGE, [latencyTop + LATENCY_HEIGHT, latencyTop]);
  const height = latencyTop + LATENCY_HEIGHT + BOTTOM;
  const { columns } = lines;
  const area = (of: (column: Column) => number, scale: Scale) =>
    `${steps(
      columns.map((column) => [x(column.atHours), scale(of(column))] as const),
      x(lines.hours),
    )}V${short(scale(0))}H${short(x(0))}Z`;
  const over = (of: (column: Column) => number | null, target: number) =>
    path(
      columns.map((column) => {
        const value = of(column);
        return [x(column.atHours), value === null ? null : latency(value / target)] as const;
      }),
    );
  const hourBands = (hours: readonly number[], name: string) =>
    hours
      .map((hour) => {
        const from = x(hour);
        const width = Math.max(1, x(Math.min(lines.hours, hour + 1)) - from);
        return tag('rect', {
          class: name,
          x: from,
          y: TOP,
          width,
          height: latencyTop + LATENCY_HEIGHT - TOP,
        });
      })
      .join('');
  const parts = [
    hourBands(lines.excused, 'excused'),
    hourBands(lines.missed, 'missed'),
    ...gpuAxis(gpus, rps, lines),
    tag('path', { class: 'leased', d: area((column) => column.leasedGpus, gpus) }),
    tag('path', {
      class: 'ready',
      d: steps(
        columns.map((column) => [x(column.atHours), gpus(column.readyGpus)] as const),
        x(lines.hours),
      ),
    }),
    tag('path', { class: 'load', d: path(columns.map(({ atHours, rps: rate }) => [x(atHours), rps(rate)])) }),
    ...latencyAxis(latency),
    tag('path', { class: 'itl', d: over((column) => column.itlSeconds, lines.itlTarget) }),
    tag('path', { class: 'ttft', d: over((column) => column.ttftSeconds, lines.ttftTarget) }),
    ...hourAxis(x, lines.hours, height),
  ];
  return tag('svg', { viewBox: `0 0 ${WIDTH} ${height}`, class: 'lines', role: 'img' }, parts.join(''));
}

function gpuAxis(gpus: Scale, rps: Scale, { mostGpus, mostRps }: TimeLines): string[] {
  return [
    ...ticks(mostGpus, 4).flatMap((count) => [
      grid(gpus(count)),
      label(LEFT - 6, gpus(count) + 3.5, String(count), 'end'),
    ]),
    ...ticks(mostRps, 3).map((rate) =>
      label(WIDTH - RIGHT + 6, rps(rate) + 3.5, `${rate}/s`, 'start', 'load-text'),
    ),
  ];
}

function latencyAxis(latency: Scale): string[] {
  return [0.1, 1, 10].flatMap((share) => [
    share === 1
      ? tag('line', { class: 'target', x1: LEFT, x2: WIDTH - RIGHT, y1: latency(1), y2: latency(1) })
      : grid(latency(share)),
    label(LEFT - 6, latency(share) + 3.5, share === 1 ? 'target' : `${share} x`, 'end'),
  ]);
}

function hourAxis(x: Scale, hours: number, height: number): string[] {
  const days = hours > 72;
  const unit = days ? 24 : 1;
  return ticks(hours / unit, days ? 7 : 8).map((tick) => {
    const name = days ? `day ${tick + 1}` : `${short(tick)} h`;
    return label(x(tick * unit), height - 6, name, 'middle');
  });
}

function grid(y: number): string {
  return tag('line', { class: 'grid', x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y });
}

function label(x: number, y: number, text: string, anchor: string, more = ''): string {
  return tag('text', { class: `label ${more}`.trim(), x, y, 'text-anchor': anchor }, text);
}
