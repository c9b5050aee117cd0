import type { LoadPredictorName } from '../config/types.js';
import { createPredictor } from './create.js';

/** Bins that a window of arrivals is cut into: enough for a trend, wide enough to calm counting noise. */
const BINS = 20;
/** Known bins below which no forecast is made. */
const MIN_KNOWN_BINS = 3;
/** A window says nothing of what lies further ahead than so many times its bins. */
const MAX_STEPS = 12 * BINS;

/** Arrival rate ahead, requests/s. */
export interface RateForecast {
  /** The largest mean inside the horizon. */
  peak: number;
  /** The deviation at that peak. */
  sd: number;
  horizonSeconds: number;
  binSeconds: number;
}

/**
 * Mean rate of each bin of `size` seconds, counted back from the newest second so that the last bin is whole.
 * A bin of which less than half is known is null.
 */
export function binRates(arrivals: readonly (number | null)[], size: number): (number | null)[] {
  const bins: (number | null)[] = [];
  for (let end = arrivals.length; end - size >= 0; end -= size) {
    const known = arrivals.slice(end - size, end).filter((value) => value !== null);
    const sum = known.reduce((total, value) => total + value, 0);
    bins.unshift(known.length * 2 < size || known.length === 0 ? null : sum / known.length);
  }
  return bins;
}

/**
 * Forecasts requests/s over the next `horizonSeconds` from counts of whole seconds (oldest first, null unknown).
 * Null while too little is known.
 */
export function forecastRate(
  arrivals: readonly (number | null)[],
  predictor: LoadPredictorName,
  horizonSeconds: number,
): RateForecast | null {
  const binSeconds = Math.max(1, Math.floor(arrivals.length / BINS));
  const bins = binRates(arrivals, binSeconds);
  if (bins.filter((bin) => bin !== null).length < MIN_KNOWN_BINS) return null;
  const model = createPredictor(predictor);
  model.fit(bins);
  const steps = Math.min(MAX_STEPS, Math.max(1, Math.ceil(horizonSeconds / binSeconds)));
  let best: { mean: number; sd: number } | null = null;
  for (const step of model.forecast(steps)) if (best === null || step.mean > best.mean) best = step;
  return best === null ? null : { peak: best.mean, sd: best.sd, horizonSeconds, binSeconds };
}
