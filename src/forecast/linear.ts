import { fitLine, type Line } from './least-squares.js';
import { type ForecastStep, guardMean, type LoadPredictor } from './predictor.js';

/**
 * A straight trend by least squares over the known values. The deviation of a prediction at x is
 * sd * sqrt(1 + 1/n + (x - mean x)^2 / spread), the usual prediction interval of a regression line.
 */
export class LinearPredictor implements LoadPredictor {
  #line: Line | null = null;
  #length = 0;
  #largest = 0;

  fit(series: readonly (number | null)[]): void {
    const points: [number, number][] = [];
    for (const [index, value] of series.entries()) if (value !== null) points.push([index, value]);
    this.#line = fitLine(points);
    this.#length = series.length;
    this.#largest = points.reduce((most, [, value]) => Math.max(most, value), 0);
  }

  forecast(steps: number): ForecastStep[] {
    const line = this.#line;
    if (line === null) return [];
    return Array.from({ length: steps }, (_, k) => {
      const x = this.#length + k;
      const leverage = line.spread > 0 ? (x - line.meanX) ** 2 / line.spread : 0;
      return {
        mean: guardMean(line.intercept + line.slope * x, this.#largest),
        sd: guardMean(line.sd * Math.sqrt(1 + 1 / line.points + leverage), this.#largest),
      };
    });
  }
}
