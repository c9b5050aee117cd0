import type { PoolStatus } from '../../../contract/status.js';
import type { Forecast, PoolSample, Sample } from '../../view.js';
import { rate, seconds } from '../format.js';

/** One value for each time: null breaks the line, undefined is a time of other lines of the chart. */
export type Column = (number | null | undefined)[];

/** Samples come each two seconds; without one for so long nobody looked. */
const HOLE_SECONDS = 10;

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
  const arriving = track(samples, pool.name, (one, time) => [time, one.in]);
  const first = samples[0] === undefined ? 0 : samples[0].t / 1000;
  const foreseen = track<Foreseen>(samples, pool.name, ({ f }, time) => {
    if (f === null || time + f[0] < first) return null;
    const [ahead, low, middle, high] = f;
    return [time + ahead, { low, middle, high }];
  });
  for (const lead of forecast?.leads ?? [])
    foreseen.set(Math.round((forecast?.atMs ?? 0) / 1000 + lead.seconds), lead);
  const times = [...new Set([...arriving.keys(), ...foreseen.keys()])].sort((a, b) => a - b);
  const forecasts = (of: (one: Foreseen) => number) => columnOver(times, foreseen, of);
  const now = pool.arrivalsPerSecond;
  const ahead = forecast?.leads.at(-1);
  return {
    title: 'Load, requests/s',
    times,
    lines: [
      {
        name: 'foreseen, high',
        colour: 'band',
        values: forecasts(({ high }) => high),
        width: 0,
      },
      {
        name: 'foreseen, low',
        colour: 'band',
        values: forecasts(({ low }) => low),
        width: 0,
      },
      {
        name: 'foreseen',
        colour: 'forecast',
        values: forecasts(({ middle }) => middle),
        dash: [5, 4],
      },
      { name: 'arriving', colour: 'load', values: columnOver(times, arriving, (value) => value), width: 2 },
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
export function replicaShape(known: readonly Sample[], pool: PoolStatus): ChartShape {
  const samples = withHoles(known);
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
export function latencyShape(known: readonly Sample[], pool: PoolStatus, which: 'ttft' | 'itl'): ChartShape {
  const samples = withHoles(known);
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

interface Foreseen {
  low: number;
  middle: number;
  high: number;
}

/** Values by time in whole seconds; null where a line breaks. */
type Track<T> = Map<number, T | null>;

/** What samples tell of a pool, at the times that they tell it of, broken where none came for long. */
function track<T>(
  samples: readonly Sample[],
  pool: string,
  of: (one: PoolSample, time: number) => [time: number, value: T | null] | null,
): Track<T> {
  const found: Track<T> = new Map();
  let before: number | null = null;
  for (const sample of samples) {
    const one = sample.p[pool];
    const point = one === undefined ? null : of(one, sample.t / 1000);
    if (point === null) continue;
    const time = Math.round(point[0]);
    if (before !== null && time - before > HOLE_SECONDS) found.set(before + 1, null);
    found.set(time, point[1]);
    before = time;
  }
  return found;
}

/** A track at the times of the chart: what lies between two of its values is on their line, what lies in a break is in the break. */
function columnOver<T>(times: readonly number[], values: Track<T>, of: (value: T) => number): Column {
  const last = times.findLast((time) => values.has(time)) ?? 0;
  let broken = true;
  return times.map((time) => {
    if (time > last) return null;
    const value = values.get(time);
    if (value === undefined) return broken ? null : undefined;
    broken = value === null;
    return value === null ? null : of(value);
  });
}

/** The samples with an empty one where none came for long, so that no line is drawn over what nobody saw. */
function withHoles(samples: readonly Sample[]): Sample[] {
  return samples.flatMap((sample, at) => {
    const before = samples[at - 1];
    const hole = before !== undefined && sample.t - before.t > HOLE_SECONDS * 1000;
    return hole ? [{ t: before.t + 1000, p: {} }, sample] : [sample];
  });
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
