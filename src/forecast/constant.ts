import type { ForecastStep, LoadPredictor } from './predictor.js';

/** Known values averaged; few, so that a lull shows soon. */
const RECENT = 5;

/** The load stays what it was: mean and sample deviation of the last five known values. */
export class ConstantPredictor implements LoadPredictor {
  #step: ForecastStep | null = null;

  fit(series: readonly (number | null)[]): void {
    const recent = series.filter((value) => value !== null).slice(-RECENT);
    if (recent.length === 0) {
      this.#step = null;
      return;
    }
    const mean = recent.reduce((sum, value) => sum + value, 0) / recent.length;
    const squares = recent.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    this.#step = { mean, sd: recent.length > 1 ? Math.sqrt(squares / (recent.length - 1)) : 0 };
  }

  forecast(steps: number): ForecastStep[] {
    const step = this.#step;
    return step === null ? [] : Array.from({ length: steps }, () => ({ ...step }));
  }
}
