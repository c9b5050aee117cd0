import { fromPartial } from './partial.js';
import { solveSymmetric } from './solve.js';

/** w_t - mean = sum ar_i (w_{t-i} - mean) + e_t + sum ma_j e_{t-j}. */
export interface Arma {
  ar: number[];
  ma: number[];
  mean: number;
}

export interface ArmaOrder {
  p: number;
  q: number;
  /** Whether a mean is fitted; else it is 0. */
  mean: boolean;
}

export interface CssFit {
  arma: Arma;
  /** Variance of the residuals. */
  variance: number;
  /** Akaike's criterion with the correction for few values (Hurvich and Tsai 1989). */
  aicc: number;
}

/** Steps of the optimiser; more change the forecasts by less than the data do. */
const STEPS = 8;
/** Step of a numeric derivative. */
const DELTA = 1e-4;

/**
 * Fits ARMA(p, q) by conditional least squares (Box and Jenkins, Time Series Analysis, ch. 7): Levenberg and Marquardt over
 * partial autocorrelations (Monahan 1984), so that every step is stationary and invertible and none can diverge. `known[t]` 0:
 * a value that stands in for one that is not known; it counts for nothing. The first `skip` residuals are taken for
 * 0 (the same for all orders that are compared). Null: too few values.
 */
export function fitCss(w: Float64Array, known: Uint8Array, order: ArmaOrder, skip: number): CssFit | null {
  const size = order.p + order.q + (order.mean ? 1 : 0);
  let n = 0;
  let sum = 0;
  for (let t = skip; t < w.length; t++) {
    if (known[t] !== 1) continue;
    n += 1;
    sum += w[t] ?? 0;
  }
  const k = size + 1;
  if (n < k + 2) return null;
  const centre = order.mean ? sum / n : 0;
  let spread = 0;
  for (let t = skip; t < w.length; t++) if (known[t] === 1) spread += ((w[t] ?? 0) - centre) ** 2;
  spread = Math.sqrt(spread / n) || 1;

  const armaOf = (x: readonly number[]): Arma => ({
    ar: fromPartial(x.slice(0, order.p)),
    // The MA polynomial is 1 + ma z: invertible where its negative is a stationary AR.
    ma: fromPartial(x.slice(order.p, order.p + order.q)).map((value) => -value),
    mean: order.mean ? centre + (x[order.p + order.q] ?? 0) * spread : 0,
  });
  const residuals = (x: readonly number[]) => residualsOf(w, known, armaOf(x), skip);

  let x = new Array<number>(size).fill(0);
  let e = residuals(x);
  let loss = squares(e);
  let damping = 1e-2;
  for (let step = 0; step < STEPS && size > 0; step++) {
    const slopes = x.map((_, i) => {
      const slope = residuals(x.map((value, j) => (i === j ? value + DELTA : value)));
      for (let t = 0; t < slope.length; t++) slope[t] = ((slope[t] ?? 0) - (e[t] ?? 0)) / DELTA;
      return slope;
    });
    const next = improve(x, e, slopes, loss, damping, residuals);
    if (next === null) break;
    const gain = loss - next.loss;
    ({ x, e, loss } = next);
    damping = Math.max(1e-6, next.damping / 10);
    if (gain < 1e-6 * loss) break;
  }
  const variance = Math.max(loss / n, 1e-12);
  return {
    arma: armaOf(x),
    variance: (variance * n) / Math.max(1, n - size),
    aicc: n * Math.log(variance) + 2 * k + (2 * k * (k + 1)) / (n - k - 1),
  };
}

interface Point {
  x: number[];
  e: Float64Array;
  loss: number;
  damping: number;
}

/** A step that lowers the loss; null where none does. */
function improve(
  x: readonly number[],
  e: Float64Array,
  slopes: readonly Float64Array[],
  loss: number,
  from: number,
  residuals: (x: readonly number[]) => Float64Array,
): Point | null {
  const half = slopes.map((a, i) => slopes.slice(0, i + 1).map((b) => dot(a, b)));
  const normal = slopes.map((_, i) => slopes.map((__, j) => half[Math.max(i, j)]?.[Math.min(i, j)] ?? 0));
  const right = slopes.map((a) => -dot(a, e));
  for (let damping = from; damping < 1e4; damping *= 10) {
    const damped = normal.map((row, i) =>
      row.map((value, j) => (i === j ? value * (1 + damping) + 1e-12 : value)),
    );
    const step = solveSymmetric(damped, right);
    if (step === null) continue;
    // Beyond 4 a partial autocorrelation is as good as 1.
    const moved = x.map((value, i) => Math.min(4, Math.max(-4, value + (step[i] ?? 0))));
    const tried = residuals(moved);
    const lower = squares(tried);
    if (lower < loss) return { x: moved, e: tried, loss: lower, damping };
  }
  return null;
}

/** One-step errors of a model of at most two terms each; 0 where the value is not known or skipped. */
export function residualsOf(
  w: Float64Array,
  known: Uint8Array,
  { ar: [a1 = 0, a2 = 0], ma: [m1 = 0, m2 = 0], mean }: Arma,
  skip: number,
): Float64Array {
  const e = new Float64Array(w.length);
  // The two values and residuals before, about the mean: this loop is most of what a plan costs.
  let [w1, w2, e1, e2] = [0, 0, 0, 0];
  for (let t = 0; t < w.length; t++) {
    const value = (w[t] ?? 0) - mean;
    const miss = t < skip || known[t] !== 1 ? 0 : value - a1 * w1 - a2 * w2 - m1 * e1 - m2 * e2;
    e[t] = miss;
    w2 = w1;
    w1 = value;
    e2 = e1;
    e1 = miss;
  }
  return e;
}

/** Mean of w_t from what lies before it. */
export function predictArma(w: ArrayLike<number>, e: ArrayLike<number>, t: number, arma: Arma): number {
  const { ar, ma, mean } = arma;
  let next = mean;
  for (let i = 0; i < ar.length && i < t; i++) next += (ar[i] ?? 0) * ((w[t - 1 - i] ?? 0) - mean);
  for (let j = 0; j < ma.length && j < t; j++) next += (ma[j] ?? 0) * (e[t - 1 - j] ?? 0);
  return next;
}

function squares(e: Float64Array): number {
  return dot(e, e);
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let t = 0; t < a.length; t++) sum += (a[t] ?? 0) * (b[t] ?? 0);
  return sum;
}
