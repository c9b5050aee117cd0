import { type ClassicPredictor, LoadBuffer } from './predictors.js';

export interface ClassicKalmanOptions {
  /** Process noise of level and trend, measurement noise: variances. */
  qLevel: number;
  qTrend: number;
  r: number;
  /** Fewer values than this are not forecast. */
  minPoints: number;
  /** Filters log(1 + x). */
  log1p: boolean;
  /** Never below 0 (Dynamo pull request 14497); without it a falling load is forecast below 0, as before that. */
  clamp: boolean;
}

/** Variance of level and trend before anything was seen. */
const INITIAL_VARIANCE = 1000;

/**
 * Dynamo's Kalman predictor: a local linear trend, level' = level + trend, by the recursion of filterpy with the Joseph
 * form of the covariance update. A forecast is a prediction step of the filter, which the next value then updates; asked
 * twice it answers from the same step.
 */
export class ClassicKalman implements ClassicPredictor {
  readonly #options: ClassicKalmanOptions;
  readonly #data = new LoadBuffer();
  #started = false;
  #ahead = false;
  #level = 0;
  #trend = 0;
  /** Covariance [[a, b], [b, c]]. */
  #a = INITIAL_VARIANCE;
  #b = 0;
  #c = INITIAL_VARIANCE;

  constructor(options: ClassicKalmanOptions) {
    this.#options = {
      ...options,
      qLevel: Math.max(1e-12, options.qLevel),
      qTrend: Math.max(1e-12, options.qTrend),
      r: Math.max(1e-9, options.r),
    };
  }

  get buffer(): readonly number[] {
    return this.#data.values;
  }

  add(value: number): void {
    if (!this.#data.add(value)) return;
    const kept = this.#data.last();
    const measured = this.#options.log1p ? Math.log1p(Math.max(0, kept)) : kept;
    if (!this.#started) {
      this.#level = measured;
      this.#trend = 0;
      this.#started = true;
    } else {
      if (!this.#ahead) this.#predict();
      this.#update(measured);
    }
    this.#ahead = false;
  }

  predictNext(): number {
    if (!this.#started || this.#data.values.length < this.#options.minPoints) return this.#data.last();
    if (!this.#ahead) this.#predict();
    this.#ahead = true;
    if (this.#options.log1p) return Math.max(0, Math.expm1(this.#level));
    return this.#options.clamp ? Math.max(0, this.#level) : this.#level;
  }

  /** x = F x, P = F P F' + Q with F = [[1, 1], [0, 1]]. */
  #predict(): void {
    this.#level += this.#trend;
    const [a, b, c] = [this.#a, this.#b, this.#c];
    this.#a = a + b + (b + c) + this.#options.qLevel;
    this.#b = b + c;
    this.#c = c + this.#options.qTrend;
  }

  /** K = P H' / (H P H' + R), x += K y, P = (I - K H) P (I - K H)' + K R K' with H = [1, 0]. */
  #update(measured: number): void {
    const [a, b, c] = [this.#a, this.#b, this.#c];
    const { r } = this.#options;
    const total = a + r;
    const [k0, k1] = [a / total, b / total];
    const miss = measured - this.#level;
    this.#level += k0 * miss;
    this.#trend += k1 * miss;
    const keep = 1 - k0;
    this.#a = keep * a * keep + k0 * r * k0;
    this.#b = keep * (b - k1 * a) + k0 * r * k1;
    this.#c = c - k1 * b - k1 * (b - k1 * a) + k1 * r * k1;
  }
}
