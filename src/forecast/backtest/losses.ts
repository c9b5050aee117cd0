/** Quantiles that a backtest judges. */
export const PROBABILITIES = [0.5, 0.9, 0.95, 0.99] as const;

/** How forecasts of one kind came out; rates in requests/s. */
export interface Losses {
  /** Windows judged. */
  windows: number;
  /** Mean of what came. */
  meanActual: number;
  /** Mean absolute error of the median. */
  mae: number;
  /** The same over that of the naive forecast, that the largest rate of as many bins just past comes again. Null: no error. */
  mase: number | null;
  /** Mean of forecast mean less what came. */
  bias: number;
  /** By quantile, as in PROBABILITIES: mean pinball loss, and share of windows that did not exceed it. */
  pinball: number[];
  coverage: number[];
}

export class LossTally {
  #windows = 0;
  #actual = 0;
  #absolute = 0;
  #bias = 0;
  /** Only where there is a naive forecast. */
  #paired = 0;
  #naive = 0;
  readonly #pinball = PROBABILITIES.map(() => 0);
  readonly #kept = PROBABILITIES.map(() => 0);

  /** `quantiles` as in PROBABILITIES; `naive` null where there is no naive forecast. */
  add(mean: number, quantiles: readonly number[], actual: number, naive: number | null): void {
    this.#windows += 1;
    this.#actual += actual;
    this.#bias += mean - actual;
    const miss = Math.abs(actual - (quantiles[0] ?? 0));
    this.#absolute += miss;
    if (naive !== null) {
      this.#paired += miss;
      this.#naive += Math.abs(actual - naive);
    }
    for (const [i, p] of PROBABILITIES.entries()) {
      const over = actual - (quantiles[i] ?? 0);
      this.#pinball[i] = (this.#pinball[i] ?? 0) + (over >= 0 ? p * over : (p - 1) * over);
      // What equals the quantile but for rounding has not exceeded it.
      if (over <= 1e-9 * Math.max(1, actual)) this.#kept[i] = (this.#kept[i] ?? 0) + 1;
    }
  }

  losses(): Losses {
    const n = Math.max(1, this.#windows);
    return {
      windows: this.#windows,
      meanActual: this.#actual / n,
      mae: this.#absolute / n,
      mase: this.#naive > 0 ? this.#paired / this.#naive : null,
      bias: this.#bias / n,
      pinball: this.#pinball.map((sum) => sum / n),
      coverage: this.#kept.map((count) => count / n),
    };
  }
}
