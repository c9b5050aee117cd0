import { type Arma, type CssFit, fitCss } from './css.js';
import { difference, differencingOrder } from './differencing.js';
import { largestInverseRoot } from './roots.js';

export interface ArimaOfDifferences {
  /** Differences taken: 0 or 1. */
  d: number;
  arma: Arma;
  /** Variance of one step. */
  variance: number;
}

const MOST_TERMS = 2;
const MOST_TOGETHER = 3;
/** A stationary part with an inverse root beyond this forgets so slowly that its level is not to be trusted. */
const ROOT_LIMIT = 0.99;
/** Known values below which no order is told from another: a random walk. */
const FEW = 24;

/**
 * Chooses the order by AICc over p, q <= 2, p + q <= 3, with and without a mean, d by the KPSS test (Hyndman and
 * Khandakar 2008 without the stepwise search: the grid is small). All orders are judged by the same residuals.
 */
export function chooseArima(y: readonly number[], known: readonly boolean[]): ArimaOfDifferences {
  const count = known.filter((value) => value).length;
  const walk = { d: 1, arma: { ar: [], ma: [], mean: 0 } };
  if (count < FEW) return { ...walk, variance: walkVariance(y, known) };
  const d = differencingOrder([...y], 1);
  const w = Float64Array.from(difference(y, d));
  const whole = Uint8Array.from(w, (_, t) =>
    known[t + d] === true && (d === 0 || known[t] === true) ? 1 : 0,
  );
  let best: CssFit | null = null;
  for (const mean of d === 0 ? [true] : [false, true]) {
    for (let p = 0; p <= MOST_TERMS; p++) {
      for (let q = 0; q <= MOST_TERMS && p + q <= MOST_TOGETHER; q++) {
        const fit = fitCss(w, whole, { p, q, mean }, MOST_TERMS);
        if (fit === null || !(fit.aicc < (best?.aicc ?? Number.POSITIVE_INFINITY))) continue;
        if (largestInverseRoot(fit.arma.ar) <= ROOT_LIMIT) best = fit;
      }
    }
  }
  if (best === null) return { ...walk, variance: walkVariance(y, known) };
  return { d, arma: best.arma, variance: best.variance };
}

/** Mean square of the steps between known neighbours. */
function walkVariance(y: readonly number[], known: readonly boolean[]): number {
  let sum = 0;
  let n = 0;
  for (let t = 1; t < y.length; t++) {
    if (known[t] !== true || known[t - 1] !== true) continue;
    sum += ((y[t] ?? 0) - (y[t - 1] ?? 0)) ** 2;
    n += 1;
  }
  return n > 0 ? sum / n : 0;
}
