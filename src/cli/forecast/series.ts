import { readFileSync } from 'node:fs';
import type { LoadPredictorName } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { openScenario } from '../../simulator/open/scenario.js';
import { streamTrace, TRACE_FORMATS, type TraceFormat } from '../../simulator/traces/read.js';
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
  seed: number;
  /** Of counts drawn around rates; 0: the rates as they are. */
  dispersion: number;
  rateScale: number;
  maxSeconds: number;
  /** Only requests of this level. */
  level: string | undefined;
  skipBad: boolean;
  note: (line: string) => void;
}

/**
 * The rate that is counted in each bin of a trace, a scenario or a CSV of rates. Errors: `not_found`; `invalid_request` for
 * broken rows and options that do not go together; those of a scenario.
 */
export function readSeries(wanted: SeriesWanted): number[] {
  const { file, format, binSeconds } = wanted;
  if (format === RATES) return ratesOf(wanted);
  if (format === undefined && /\.ya?ml$/.test(file))
    return countArrivals(scenarioRequests(wanted), binSeconds);
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
  seed,
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

function traceRates(wanted: SeriesWanted, format: TraceFormat): number[] {
  const { file, seed, rateScale, maxSeconds, level, skipBad, binSeconds, note } = wanted;
  const trace = streamTrace(file, format, {
    skipBad,
    ...(Number.isFinite(maxSeconds) ? { maxSeconds } : {}),
  });
  const rates = countArrivals(
    ofLevel(requestsOf(trace.rows, { seed, rateScale }), level, undefined),
    binSeconds,
  );
  if (trace.skipped > 0) note(`left out ${trace.skipped} broken rows, the first: ${trace.firstBad}`);
  return rates;
}

function* scenarioRequests(wanted: SeriesWanted): Generator<TimedRequest> {
  const { file, seed, rateScale, maxSeconds, level, note } = wanted;
  if (rateScale !== 1)
    throw new SluiceError(
      'invalid_request',
      'expected no --rate-scale beside a scenario, which says so itself',
    );
  const { options } = openScenario(file, { seed });
  let read = 0;
  for (const request of ofLevel(options.requests, level, options.config.defaultLevel)) {
    if (request.atSeconds >= maxSeconds) return;
    yield request;
    if (++read % 1_000_000 === 0) note(`${read} requests read, ${(request.atSeconds / 3600).toFixed(1)} h`);
  }
}

function* ofLevel(
  requests: Iterable<TimedRequest>,
  level: string | undefined,
  otherwise: string | undefined,
): Generator<TimedRequest> {
  for (const request of requests)
    if (level === undefined || (request.level ?? otherwise) === level) yield request;
}
