/** One step of a forecast, in the unit of the series. */
export interface ForecastStep {
  /** >= 0 */
  mean: number;
  /** Standard deviation of the prediction, >= 0. */
  sd: number;
}

/**
 * Forecasts a load series of equal steps, oldest first; null is an unknown value, never a zero. `fit` replaces
 * what was learned before. `forecast(n)` gives the n steps after the last one, each finite; it is empty while
 * nothing is known. Leaves out on purpose: bin size and horizon (planning chooses them).
 */
export interface LoadPredictor {
  fit(series: readonly (number | null)[]): void;
  forecast(steps: number): ForecastStep[];
}

/** The largest mean that a forecast may reach, relative to the largest value seen: trends do not run away. */
const GROWTH_LIMIT = 2;

/** Keeps a forecast in [0, GROWTH_LIMIT x largest seen + 1]; a value that is not finite becomes the bound. */
export function guardMean(mean: number, largestSeen: number): number {
  const bound = GROWTH_LIMIT * largestSeen + 1;
  if (Number.isNaN(mean)) return largestSeen;
  return Math.min(Math.max(mean, 0), bound);
}
