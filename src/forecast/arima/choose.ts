import { type Arma, type CssFit, fitCss, residualsOf } from './css.js';
import { difference, differencingOrder, isConstant } from './differencing.js';
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
/** Known values below which no order is told from another: exponential smoothing, ARIMA(0, 1, 1). */
const FEW = 24;
const SMOOTHING: Arma = { ar: [], ma: [-0.6], mean: 0 };
/** Variance of a step before anything is known of it: half as much again, or a third less, is nothing strange. */
const PRIOR_VARIANCE = 0.16;

/**
 * Chooses the order by AICc over p, q <= 2, p + q <= 3, d by the KPSS test (Hyndman and Khandakar 2008 without the
 * stepwise search: the grid is small). All orders are judged by the same residuals. Without a drift where d = 1: over two
 * hours it is mostly chance, and on weeks of traffic it made forecasts worse.
 */
export function chooseArima(y: readonly number[], known: readonly boolean[]): ArimaOfDifferences {
  const count = known.filter((value) => value).length;
  if (count < FEW || isConstant(y)) return smoothing(y, known);
  const d = differencingOrder([...y], 1);
  const w = Float64Array.from(difference(y, d));
  const whole = Uint8Array.from(w, (_, t) =>
    known[t + d] === true && (d === 0 || known[t] === true) ? 1 : 0,
  );
  let best: CssFit | null = null;
  for (let p = 0; p <= MOST_TERMS; p++) {
    for (let q = 0; q <= MOST_TERMS && p + q <= MOST_TOGETHER; q++) {
      const fit = fitCss(w, whole, { p, q, mean: d === 0 }, MOST_TERMS);
      if (fit === null || !(fit.aicc < (best?.aicc ?? Number.POSITIVE_INFINITY))) continue;
      if (largestInverseRoot(fit.arma.ar) <= ROOT_LIMIT) best = fit;
    }
  }
  if (best === null) return smoothing(y, known);
  return { d, arma: best.arma, variance: best.variance };
}

/** Smoothing by habit, its variance from its own errors, the first thought counting for one of them. */
function smoothing(y: readonly number[], known: readonly boolean[]): ArimaOfDifferences {
  const w = Float64Array.from(difference(y, 1));
  const whole = Uint8Array.from(w, (_, t) => (known[t + 1] === true && known[t] === true ? 1 : 0));
  const errors = residualsOf(w, whole, SMOOTHING, 0);
  const squares = errors.reduce((sum, e) => sum + e * e, PRIOR_VARIANCE);
  return {
    d: 1,
    arma: structuredClone(SMOOTHING),
    variance: squares / (1 + whole.reduce((n, one) => n + one, 0)),
  };
}
