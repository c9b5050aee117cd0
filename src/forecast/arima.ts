import { fitLine } from './least-squares.js';
import { type ForecastStep, guardMean, type LoadPredictor } from './predictor.js';

/** |phi| stays below 1, so that the differences are stationary. */
const PHI_LIMIT = 0.95;
/** Fewer pairs of differences than this do not tell phi: it is taken as 0 (a random walk with drift). */
const PAIRS_FOR_PHI = 8;

/**
 * ARIMA(1,1,0) with drift on y = log(1 + x):
 *   d_t = y_t - y_{t-1},   d_t = c + phi d_{t-1} + e_t,   e_t of variance s^2.
 * c and phi by conditional least squares (the regression of d_t on d_{t-1}, Box and Jenkins ch. 7), phi clamped to
 * [-0.95, 0.95]. A null breaks the chain: only differences between neighbours count; after a gap at the end the
 * forecast runs on from the last known value. h steps ahead
 *   y_{n+h} = y_{n+h-1} + d_{n+h},   var_h = s^2 sum_{j<h} psi_j^2,   psi_j = 1 + phi + ... + phi^j,
 * and back on the scale of x: mean = exp(y) - 1 (the median), sd = (mean + 1) sqrt(var_h) (delta method), both
 * kept under the growth limit.
 */
export class ArimaPredictor implements LoadPredictor {
  #last: { y: number; d: number; gap: number } | null = null;
  #c = 0;
  #phi = 0;
  #sd = 0;
  #largest = 0;

  fit(series: readonly (number | null)[]): void {
    const y = series.map((value) => (value === null ? null : Math.log1p(value)));
    const d = y.map((value, t) => difference(y[t - 1] ?? null, value));
    const pairs: [number, number][] = [];
    for (let t = 2; t < d.length; t++) {
      const [before, now] = [d[t - 1] ?? null, d[t] ?? null];
      if (before !== null && now !== null) pairs.push([before, now]);
    }
    this.#largest = series.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
    this.#learn(pairs);
    const at = y.findLastIndex((value) => value !== null);
    this.#last = at < 0 ? null : { y: y[at] ?? 0, d: d[at] ?? 0, gap: y.length - 1 - at };
  }

  forecast(steps: number): ForecastStep[] {
    if (this.#last === null) return [];
    let { y, d } = this.#last;
    let psi = 0;
    let power = 1;
    let variance = 0;
    const out: ForecastStep[] = [];
    for (let h = 1; h <= this.#last.gap + steps; h++) {
      d = this.#c + this.#phi * d;
      y += d;
      psi += power;
      power *= this.#phi;
      variance += (this.#sd * psi) ** 2;
      if (h <= this.#last.gap) continue;
      const mean = guardMean(Math.expm1(y), this.#largest);
      out.push({ mean, sd: guardMean((mean + 1) * Math.sqrt(variance), this.#largest) });
    }
    return out;
  }

  #learn(pairs: readonly (readonly [number, number])[]): void {
    const line = fitLine(pairs);
    if (line === null) {
      this.#c = this.#phi = this.#sd = 0;
      return;
    }
    const enough = pairs.length >= PAIRS_FOR_PHI;
    this.#phi = enough ? Math.min(Math.max(line.slope, -PHI_LIMIT), PHI_LIMIT) : 0;
    // The intercept that keeps the line through the means with the phi that was kept.
    const meanNow = line.intercept + line.slope * line.meanX;
    this.#c = meanNow - this.#phi * line.meanX;
    const squares = pairs.reduce((sum, [x, now]) => sum + (now - this.#c - this.#phi * x) ** 2, 0);
    this.#sd = Math.sqrt(squares / Math.max(1, pairs.length - (enough ? 2 : 1)));
  }
}

function difference(before: number | null, now: number | null): number | null {
  return before === null || now === null ? null : now - before;
}
