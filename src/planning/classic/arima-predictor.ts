import { type ArimaFit, fitArima, forecastArima } from './arima/fit.js';
import { searchArima } from './arima/search.js';
import { type ClassicPredictor, LoadBuffer } from './predictors.js';

const MIN_POINTS = 5;
/** The parameters are fitted anew when the series has grown by this share since; filtering goes on in between. */
const REFIT_GROWTH = 0.05;

/**
 * Dynamo's ARIMA predictor: pmdarima's auto_arima on the first forecast, then the order is kept and the parameters
 * follow the data; where the order collapses to (0, d, 0) the log form is taken instead. Below 5 values, or all the
 * same: the last value. Never below 0. Upstream runs some more steps of its optimiser at every value; here they are
 * fitted fully, at every value up to 20 of them and then each time the series has grown by a twentieth.
 */
export class ClassicArima implements ClassicPredictor {
  readonly #data = new LoadBuffer();
  readonly #raw: number[] = [];
  #log: boolean;
  #fit: ArimaFit | null = null;
  #fittedAt = 0;

  constructor(options: { log1p: boolean }) {
    this.#log = options.log1p;
  }

  /** In the scale of the model: the log form once that is in use. */
  get buffer(): readonly number[] {
    return this.#log ? this.#raw.map(Math.log1p) : this.#data.values;
  }

  add(value: number): void {
    if (this.#data.add(value)) this.#raw.push(Math.max(0, this.#data.last()));
  }

  predictNext(): number {
    const [first = 0] = this.#raw;
    if (this.#raw.length < MIN_POINTS) return this.#raw[this.#raw.length - 1] ?? 0;
    if (this.#raw.every((value) => value === first)) return first;
    const fit = this.#fitted();
    const values = this.#values();
    const next = forecastArima(values, fit);
    return Math.max(0, this.#log ? Math.expm1(next) : next);
  }

  #fitted(): ArimaFit {
    if (this.#fit === null) {
      let fit = searchArima(this.#values());
      if (!this.#log && fit.order.p === 0 && fit.order.q === 0) {
        this.#log = true;
        fit = searchArima(this.#values());
      }
      this.#fittedAt = this.#raw.length;
      this.#fit = fit;
    } else if (this.#raw.length >= this.#fittedAt + Math.max(1, REFIT_GROWTH * this.#fittedAt)) {
      this.#fit = fitArima(this.#values(), this.#fit.order, this.#fit.parameters);
      this.#fittedAt = this.#raw.length;
    }
    return this.#fit;
  }

  #values(): number[] {
    return this.#log ? this.#raw.map(Math.log1p) : this.#raw;
  }
}
