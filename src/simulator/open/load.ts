import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { SluiceError } from '../../contract/errors.js';
import { streamTrace, type TraceStream } from '../traces/read.js';
import { type Mix, parseMix, requestsOf, type TimedRequest } from '../workload/arrivals.js';
import { type Burstiness, burstCurve } from '../workload/burst.js';
import { logNormal, seededRandom } from '../workload/random.js';
import { parseRateSeries, seriesRequests } from '../workload/rate-series.js';
import { type LengthShape, type RatePoint, shapeRequests } from '../workload/shape.js';
import { parseTokenCdfs, TokenTable } from '../workload/token-cdf.js';
import { weekCurve } from '../workload/week.js';
import type { LoadFields, ScenarioFields } from './scenario-schema.js';

/** One load of a scenario, opened. Rates are before `scale`, with the load's own `rate_scale`. */
export interface OpenLoad {
  /** Where it comes from, for a report. */
  source: string;
  /** The only level of its requests; undefined: rows name their own, or a mix does. */
  level: string | undefined;
  /** Requests, their rate multiplied by `scale`. May be called more than once. */
  requests(scale: number): Iterable<TimedRequest>;
  /** Expected requests/s of each minute from its first moment. */
  minuteRates(): number[];
}

/**
 * Opens a load, or what it names otherwise where a file of it is not there. Errors as `openScenario`.
 * @param levels that rows of a trace may name
 */
export function openLoad(
  load: ScenarioFields['arrivals'][number],
  folder: string,
  seed: number,
  traces: TraceStream[],
  levels: readonly string[],
): OpenLoad {
  const { otherwise, ...own } = load;
  const files = [own.trace, own.series, own.tokens].filter((file) => file !== undefined);
  const missing = otherwise !== undefined && files.some((file) => !existsSync(resolve(folder, file)));
  const fields = missing ? otherwise : own;
  return fields.trace === undefined
    ? drawnLoad(fields, folder, seed)
    : traceLoad(fields, folder, seed, traces, levels);
}

function traceLoad(
  load: LoadFields,
  folder: string,
  seed: number,
  traces: TraceStream[],
  levels: readonly string[],
): OpenLoad {
  const { trace, format, level, speed = 1, rate_scale: rateScale = 1 } = load;
  if (trace === undefined || format === undefined)
    throw new SluiceError('internal', 'a load without a trace');
  const path = resolve(folder, trace);
  const open = () =>
    streamTrace(path, format, {
      skipBad: load.skip_bad === true,
      levels,
      ...(load.max_gap_seconds === undefined ? {} : { maxGapSeconds: load.max_gap_seconds }),
      ...(load.minutes === undefined ? {} : { maxSeconds: load.minutes * 60 }),
    });
  const mix: Mix | undefined =
    load.mix !== undefined ? parseMix(load.mix) : level === undefined ? undefined : [{ level, share: 1 }];
  return {
    source: trace,
    level,
    requests: (scale) => {
      const stream = open();
      traces.push(stream);
      return requestsOf(stream.rows, {
        seed,
        rateScale: rateScale * scale,
        speed,
        spreadSeconds: load.spread_seconds ?? 0,
        ...(mix ? { mix } : {}),
      });
    },
    minuteRates: () => {
      const rates: number[] = [];
      for (const { atSeconds } of open().rows) {
        const minute = Math.floor(atSeconds / speed / 60);
        while (rates.length <= minute) rates.push(0);
        rates[minute] = (rates[minute] ?? 0) + rateScale / 60;
      }
      // The last minute is rarely whole.
      return rates.length > 1 ? rates.slice(0, -1) : rates;
    },
  };
}

function drawnLoad(load: LoadFields, folder: string, seed: number): OpenLoad {
  const { level = '', speed = 1, rate_scale: rateScale = 1, burst } = load;
  const base = curveOf(load, folder, seed).map(({ atSeconds, rps }) => ({
    atSeconds: atSeconds / speed,
    rps: rps * rateScale,
  }));
  const { isl, osl } = load;
  const named = load.series ?? (load.week === undefined ? 'rate' : 'week');
  const minuteRates = (rate: readonly RatePoint[]) => () => minutesOf(rate);
  const plain = load.rate !== undefined && burst === undefined && load.dispersion === undefined;
  if (plain && isl !== undefined && osl !== undefined && 'median' in isl && 'median' in osl) {
    const requests = (scale: number) => shapeRequests({ level, rate: scaled(base, scale), isl, osl }, seed);
    return { source: named, level, requests, minuteRates: minuteRates(base) };
  }
  const lengths = openTokens(load, folder);
  const curve = (scale: number): RatePoint[] => {
    const rate = scaled(base, scale);
    return burst === undefined ? rate : burstCurve(rate, burstinessOf(burst, rate), seed);
  };
  const dispersion = load.dispersion ?? 1;
  return {
    source: burst === undefined ? named : `${named} with bursts`,
    level,
    requests: (scale) => seriesRequests({ level, tokens: lengths, seed, rate: curve(scale), dispersion }),
    minuteRates: () => minutesOf(curve(1)),
  };
}

function curveOf(load: LoadFields, folder: string, seed: number): RatePoint[] {
  if (load.rate !== undefined) return load.rate.map(([atSeconds, rps]) => ({ atSeconds, rps }));
  if (load.week !== undefined) {
    const { peak_rps, peak_to_mean, peak_to_trough, weekend } = load.week;
    return weekCurve(
      { peakRps: peak_rps, peakToMean: peak_to_mean, peakToTrough: peak_to_trough, weekend },
      seed,
    );
  }
  const path = resolve(folder, load.series ?? '');
  const points = parseRateSeries(readText(path, 'a rate series'), path);
  // What was recorded begins with the scenario, as a trace does.
  const begin = points[0]?.atSeconds ?? 0;
  return points.map(({ atSeconds, rps }) => ({ atSeconds: atSeconds - begin, rps }));
}

function burstinessOf(burst: NonNullable<LoadFields['burst']>, rate: readonly RatePoint[]): Burstiness {
  const minutes = minutesOf(rate, rate[0]?.atSeconds);
  const meanRps = minutes.reduce((sum, rps) => sum + rps, 0) / Math.max(1, minutes.length);
  return {
    peakMinuteToMean: burst.peak_minute_to_mean,
    dispersion: burst.dispersion,
    atRps: burst.at_rps ?? meanRps,
    memorySeconds: burst.memory_seconds,
    flickerSeconds: burst.flicker_seconds,
  };
}

function scaled(rate: readonly RatePoint[], scale: number): RatePoint[] {
  return rate.map(({ atSeconds, rps }) => ({ atSeconds, rps: rps * scale }));
}

/** Mean rate of each minute from `begin`, the curve's first point or before it; the last one may be a part. */
function minutesOf(rate: readonly RatePoint[], begin = 0): number[] {
  const end = (rate.at(-1)?.atSeconds ?? 0) - begin;
  const areas = Array.from({ length: Math.ceil(end / 60) }, () => 0);
  for (let k = 1; k < rate.length; k++) {
    const from = rate[k - 1];
    const to = rate[k];
    if (from === undefined || to === undefined || to.atSeconds <= from.atSeconds) continue;
    const slope = (to.rps - from.rps) / (to.atSeconds - from.atSeconds);
    for (let at = from.atSeconds - begin; at < to.atSeconds - begin; ) {
      const minute = Math.floor(at / 60 + 1e-9);
      const until = Math.min(to.atSeconds - begin, (minute + 1) * 60);
      const middle = from.rps + slope * ((at + until) / 2 - (from.atSeconds - begin));
      areas[minute] = (areas[minute] ?? 0) + middle * (until - at);
      at = until;
    }
  }
  return areas.map((area, minute) => area / Math.min(60, end - minute * 60));
}

type Length = NonNullable<LoadFields['isl']>;

function openTokens(load: LoadFields, folder: string): { isl: TokenTable; osl: TokenTable } {
  if (load.isl !== undefined && load.osl !== undefined)
    return { isl: tableOf(load.isl), osl: tableOf(load.osl) };
  const path = resolve(folder, load.tokens ?? '');
  return parseTokenCdfs(readText(path, 'token CDFs'), path, load.kind ?? '');
}

function tableOf(length: Length): TokenTable {
  if ('quantiles' in length)
    return new TokenTable(length.quantiles.map(([percent, tokens]) => [percent / 100, tokens]));
  return logNormalTable(length);
}
/** A log-normal length as a table of its sampled quantiles. */
function logNormalTable(shape: LengthShape): TokenTable {
  const random = seededRandom(1, 'table');
  const draws = Array.from({ length: 16_384 }, () =>
    Math.min(shape.max, Math.max(shape.min, logNormal(random, shape.median, shape.sigma))),
  ).sort((a, b) => a - b);
  return new TokenTable(draws.map((tokens, k) => [(k + 1) / draws.length, tokens]));
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('not_found', `expected ${what} at ${path}: ${reason}`, { cause: error });
  }
}
