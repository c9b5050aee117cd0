import type { Config } from '../../config/types.js';
import type { PoolResult, SimResult } from '../../simulator/run/result.js';
import type { Lines, PoolFigures, RunFigures } from './view.js';

const DIGITS = 6;

/** What the view shows of a simulation. @param seconds length of an interval of its series */
export function figuresOf(config: Config, result: SimResult, seconds: number): RunFigures {
  const price = config.pricing.usdPerGpuHour;
  const pools = Object.values(config.pools).flatMap((pool): [string, PoolFigures][] => {
    const one = result.pools[pool.name];
    if (one === undefined) return [];
    const { requests, attained } = one.tally;
    const gpuHours = one.figures.gpuSeconds / 3600;
    const { ttftSeconds, itlSeconds } = pool.targets;
    const figures: PoolFigures = {
      requests,
      attainment: requests === 0 ? null : attained / requests,
      promised: 1 - pool.violationsAllowed,
      gpuHours: short(gpuHours),
      usd: short(gpuHours * price),
      targets: { ttftSeconds, itlSeconds },
      latencyPercentile: pool.latencyPercentile,
      lines: linesOf(one, seconds, result.wallSeconds),
    };
    return [[pool.name, figures]];
  });
  const sum = (of: (figures: PoolFigures) => number) =>
    pools.reduce((total, [, figures]) => total + of(figures), 0);
  return {
    gpuHours: short(sum(({ gpuHours }) => gpuHours)),
    usd: short(sum(({ usd }) => usd)),
    pools: Object.fromEntries(pools),
  };
}

/** The last interval may be a part of one; less than half of one is left out. */
function linesOf({ series }: PoolResult, seconds: number, wallSeconds: number): Lines {
  const lengthOf = (atSeconds: number) => Math.min(seconds, wallSeconds - atSeconds);
  const rows = series.filter(({ atSeconds }) => atSeconds === 0 || lengthOf(atSeconds) >= seconds / 2);
  return {
    at: rows.map(({ atSeconds }) => short(atSeconds)),
    load: rows.map(({ arrivals, atSeconds }) => short(arrivals / Math.max(1, lengthOf(atSeconds)))),
    gpus: rows.map(({ leasedGpus }) => leasedGpus),
    ready: rows.map(({ readyWorkers }) => readyWorkers),
    waiting: rows.map(({ queued }) => queued),
    ttft: rows.map(({ ttftSeconds }) => shortOr(ttftSeconds)),
    itl: rows.map(({ itlSeconds }) => shortOr(itlSeconds)),
    attainment: rows.map(({ attainment }) => shortOr(attainment)),
  };
}

function short(value: number): number {
  return Number(value.toPrecision(DIGITS));
}

function shortOr(value: number | null): number | null {
  return value === null ? null : short(value);
}
