import { readFileSync } from 'node:fs';
import type { LoadPredictorName } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { openScenario } from '../../simulator/open/scenario.js';
import {
  streamTrace,
  TRACE_FORMATS,
  type TraceFacts,
  type TraceFormat,
} from '../../simulator/traces/read.js';
import { requestsOf, type TimedRequest } from '../../simulator/workload/arrivals.js';
import { countArrivals, drawCounts } from '../../simulator/workload/counts.js';
import { firstSeconds, parseRateSeries } from '../../simulator/workload/rate-series.js';

export const MODELS = [
  'constant',
  'linear',
  'arima',
  'kalman',
  'seasonal',
  'combined',
] as const satisfies readonly LoadPredictorName[];
/** Of a CSV of rates, from which counts are drawn. */
export const RATES = 'rates';

export interface SeriesWanted {
  file: string;
  /** Undefined: a scenario. */
  format: string | undefined;
  binSeconds: number;
  /** Undefined: the scenario's own, or 1. */
  seed: number | undefined;
  /** Of counts drawn around rates; 0: the rates as they are. */
  dispersion: number;
  rateScale: number;
  maxSeconds: number;
  /** Only requests of this level. */
  level: string | undefined;
  skipBad: boolean;
  /** Undefined: gaps of a trace stay. */
  maxGapSeconds: number | undefined;
  note: (line: string) => void;
}

export interface Series {
  /** Requests/s in each bin. */
  rates: number[];
  /** What there is to tell of each trace that was read. */
  traces: TraceFacts[];
}

/**
 * The rate that is counted in each bin of a trace, a scenario or a CSV of rates. Errors: `not_found`; `invalid_request` for
 * broken rows and options that do not go together; `unknown_level` for one of which no request comes; those of a scenario.
 */
export function readSeries(wanted: SeriesWanted): Series {
  const { file, format } = wanted;
  if (format === RATES) return { rates: ratesOf(wanted), traces: [] };
  if (format === undefined && /\.ya?ml$/.test(file)) return scenarioRates(wanted);
  const known = TRACE_FORMATS.find((name) => name === format);
  if (known === undefined)
    throw new SluiceError(
      'invalid_request',
      `expected --format to be one of ${[...TRACE_FORMATS, RATES].join(', ')} (or a scenario .yaml), got ` +
        `${format === undefined ? 'none' : JSON.stringify(format)}`,
    );
  return traceRates(wanted, known);
}

function ratesOf({
  file,
  binSeconds,
  seed = 1,
  dispersion,
  rateScale,
  maxSeconds,
  level,
}: SeriesWanted): number[] {
  if (level !== undefined)
    throw new SluiceError('invalid_request', 'expected no --slo with rates, which name none');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('not_found', `expected a CSV of rates at ${file}: ${reason}`, { cause: error });
  }
  const points = parseRateSeries(text, file);
  const rate = firstSeconds(points, maxSeconds).map(({ atSeconds, rps }) => ({
    atSeconds,
    rps: rps * rateScale,
  }));
  return drawCounts(rate, { binSeconds, seed, dispersion });
}

function traceRates(wanted: SeriesWanted, format: TraceFormat): Series {
  const { file, seed = 1, rateScale, maxSeconds, skipBad, maxGapSeconds } = wanted;
  const trace = streamTrace(file, format, {
    skipBad,
    ...(maxGapSeconds === undefined ? {} : { maxGapSeconds }),
    ...(Number.isFinite(maxSeconds) ? { maxSeconds } : {}),
  });
  const rates = countLevel(wanted, requestsOf(trace.rows, { seed, rateScale }), undefined);
  return { rates, traces: [trace.facts()] };
}

function scenarioRates(wanted: SeriesWanted): Series {
  const { file, seed, rateScale, skipBad, maxGapSeconds } = wanted;
  const given = [
    rateScale === 1 ? null : '--rate-scale',
    skipBad ? '--skip-bad' : null,
    maxGapSeconds === undefined ? null : '--max-gap',
  ].filter((name) => name !== null);
  if (given.length > 0)
    throw new SluiceError(
      'invalid_request',
      `expected no ${given.join(', ')} beside a scenario, which says so itself`,
    );
  const { options, traces } = openScenario(file, seed === undefined ? {} : { seed });
  const rates = countLevel(wanted, begun(options.requests, wanted), options.config.defaultLevel);
  return { rates, traces: traces.map((trace) => trace.facts()) };
}

/** Those of the time that is wanted, with notes of how far it is. */
function* begun(
  requests: Iterable<TimedRequest>,
  { maxSeconds, note }: SeriesWanted,
): Generator<TimedRequest> {
  let read = 0;
  for (const request of requests) {
    if (request.atSeconds >= maxSeconds) return;
    yield request;
    if (++read % 1_000_000 === 0) note(`${read} requests read, ${(request.atSeconds / 3600).toFixed(1)} h`);
  }
}

/** Counts the requests of the wanted level, or all. @param otherwise level of those that name none */
function countLevel(
  { level, binSeconds }: SeriesWanted,
  requests: Iterable<TimedRequest>,
  otherwise: string | undefined,
): number[] {
  if (level === undefined) return countArrivals(requests, binSeconds);
  const seen = new Set<string>();
  const rates = countArrivals(ofLevel(requests, level, otherwise, seen), binSeconds);
  if (seen.has(level)) return rates;
  const named = seen.size === 0 ? 'name none' : `are of ${[...seen].join(', ')}`;
  throw new SluiceError(
    'unknown_level',
    `expected --slo to be a level of the requests, which ${named}, got ${JSON.stringify(level)}`,
  );
}

function* ofLevel(
  requests: Iterable<TimedRequest>,
  level: string,
  otherwise: string | undefined,
  seen: Set<string>,
): Generator<TimedRequest> {
  for (const request of requests) {
    const own = request.level ?? otherwise;
    if (own !== undefined) seen.add(own);
    if (own === level) yield request;
  }
}
