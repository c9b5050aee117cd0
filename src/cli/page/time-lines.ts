import { escaped, linear, logarithmic, path, type Scale, short, steps, tag, ticks } from './svg.js';
import type { Column } from './thin.js';

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
  /** Scale actions, marked with what explains them. */
  actions?: readonly { atHours: number; up: boolean; text: string }[];
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
    ...(lines.actions ?? []).map((action) => mark(action, x, latencyTop + LATENCY_HEIGHT)),
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

/** A scale action: a line through both charts with a triangle; a pointer that rests on it shows why. */
function mark(
  { atHours, up, text }: { atHours: number; up: boolean; text: string },
  x: Scale,
  bottom: number,
): string {
  const at = x(atHours);
  const tip = up ? TOP : TOP + 7;
  const base = up ? TOP + 7 : TOP;
  const shape = tag('path', { d: `M${short(at - 4)} ${base}L${short(at + 4)} ${base}L${short(at)} ${tip}Z` });
  const line = tag('line', { x1: at, x2: at, y1: TOP + 7, y2: bottom });
  return tag('g', { class: 'action' }, tag('title', {}, escaped(text)) + line + shape);
}

function hourAxis(x: Scale, hours: number, height: number): string[] {
  if (hours < 2) {
    const minutes = hours * 60;
    return ticks(minutes, 8).map((tick) =>
      label(
        x(tick / 60),
        height - 6,
        minutes < 8 ? `${Math.round(tick * 60)} s` : `${short(tick)} min`,
        'middle',
      ),
    );
  }
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
