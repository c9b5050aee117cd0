import type { PoolStatus } from '../../../contract/status.js';
import type { Forecast, PoolSample, Sample } from '../../view.js';
import { rate, seconds } from '../format.js';

export type Column = (number | null)[];

export interface Line {
  name: string;
  /** Name of a colour of the style sheet. */
  colour: string;
  values: Column;
  dash?: number[];
  stepped?: boolean;
  fill?: boolean;
  width?: number;
}

/** One chart: what it shows over time. */
export interface ChartShape {
  title: string;
  /** Seconds, rising; the first column of the chart. */
  times: number[];
  lines: Line[];
  /** Two of the lines (by index) with the space between them filled. */
  band?: [high: number, low: number];
  format: (value: number) => string;
  /** A time of the first column; default: of the day. */
  timeText?: (seconds: number) => string;
  /** It is over: values are told of the time under the pointer, never as those of now. */
  over?: boolean;
  /** Only whole values. */
  whole?: boolean;
  /** In words, for those who do not see it. */
  summary: string;
}

/** Arrivals, and what was foreseen for each time: what the planner said then, and what it says now of what comes. */
export function loadShape(
  samples: readonly Sample[],
  pool: PoolStatus,
  forecast: Forecast | null,
): ChartShape {
  const at = new Map<number, { in: number | null; f: [number, number, number] | null }>();
  for (const sample of samples) {
    const one = sample.p[pool.name];
    if (one === undefined) continue;
    const time = Math.round(sample.t / 1000);
    at.set(time, { in: one.in, f: at.get(time)?.f ?? null });
  }
  const first = samples[0] === undefined ? 0 : samples[0].t / 1000;
  for (const sample of samples) {
    const foreseen = sample.p[pool.name]?.f ?? null;
    if (foreseen === null) continue;
    const [ahead, low, middle, high] = foreseen;
    const time = Math.round(sample.t / 1000 + ahead);
    if (time < first) continue;
    at.set(time, { in: at.get(time)?.in ?? null, f: [low, middle, high] });
  }
  for (const lead of forecast?.leads ?? []) {
    const time = Math.round((forecast?.atMs ?? 0) / 1000 + lead.seconds);
    at.set(time, { in: at.get(time)?.in ?? null, f: [lead.low, lead.middle, lead.high] });
  }
  const times = [...at.keys()].sort((a, b) => a - b);
  const points = times.map((time) => at.get(time));
  const now = pool.arrivalsPerSecond;
  const ahead = forecast?.leads.at(-1);
  return {
    title: 'Load, requests/s',
    times,
    lines: [
      {
        name: 'foreseen, high',
        colour: 'band',
        values: points.map((point) => point?.f?.[2] ?? null),
        width: 0,
      },
      {
        name: 'foreseen, low',
        colour: 'band',
        values: points.map((point) => point?.f?.[0] ?? null),
        width: 0,
      },
      {
        name: 'foreseen',
        colour: 'forecast',
        values: points.map((point) => point?.f?.[1] ?? null),
        dash: [5, 4],
      },
      { name: 'arriving', colour: 'load', values: points.map((point) => point?.in ?? null), width: 2 },
    ],
    band: [1, 2],
    format: rate,
    summary: `Load of ${pool.name}: ${rate(now)} requests a second now${
      ahead === undefined
        ? ''
        : `; ${rate(ahead.middle)} foreseen in ${seconds(ahead.seconds)}, between ${rate(ahead.low)} and ${rate(ahead.high)}`
    }`,
  };
}

/** Workers ordered and ready. */
export function replicaShape(samples: readonly Sample[], pool: PoolStatus): ChartShape {
  const column = columnOf(samples, pool.name);
  const last = samples.at(-1)?.p[pool.name];
  return {
    title: 'Workers',
    times: samples.map(({ t }) => t / 1000),
    lines: [
      { name: 'ordered', colour: 'forecast', values: column((one) => one.want), stepped: true, dash: [5, 4] },
      {
        name: 'ready',
        colour: 'ready',
        values: column((one) => one.ready),
        stepped: true,
        fill: true,
        width: 2,
      },
    ],
    format: (value) => value.toFixed(0),
    whole: true,
    summary: `Workers of ${pool.name}: ${last?.ready ?? 0} ready, ${last?.want ?? 'none'} ordered`,
  };
}

/** TTFT or ITL at the watched percentile against its target. */
export function latencyShape(
  samples: readonly Sample[],
  pool: PoolStatus,
  which: 'ttft' | 'itl',
): ChartShape {
  const column = columnOf(samples, pool.name);
  const target = which === 'ttft' ? pool.targets.ttftSeconds : pool.targets.itlSeconds;
  const values = column((one) => one[which]);
  return {
    title: `${which.toUpperCase()} p${pool.latencyPercentile}`,
    times: samples.map(({ t }) => t / 1000),
    lines: [
      { name: 'target', colour: 'target', values: values.map(() => target), dash: [2, 4] },
      { name: `p${pool.latencyPercentile}`, colour: which === 'ttft' ? 'ttft' : 'itl', values, width: 2 },
    ],
    format: seconds,
    summary: `${which.toUpperCase()} of ${pool.name} at its percentile: ${seconds(values.at(-1))} now, target ${seconds(target)}`,
  };
}

function columnOf(
  samples: readonly Sample[],
  pool: string,
): (of: (one: PoolSample) => number | null) => Column {
  return (of) =>
    samples.map((sample) => {
      const one = sample.p[pool];
      return one === undefined ? null : of(one);
    });
}
