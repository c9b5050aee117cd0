import { difference, differencingOrder, isConstant } from '../../../forecast/arima/differencing.js';
import { largestInverseRoot } from '../../../forecast/arima/roots.js';
import { type ArimaFit, fitArima } from './fit.js';

const MOST_DIFFERENCES = 2;
const MOST_TERMS = 5;
const MOST_FITS = 100;
/** A model with an inverse root beyond this is refused. */
const ROOT_LIMIT = 0.99;

/** Steps from (p, q), in the order in which they are tried. */
const STEPS = [
  [-1, 0],
  [0, -1],
  [1, 0],
  [0, 1],
  [-1, -1],
  [-1, 1],
  [1, -1],
  [1, 1],
] as const;

/**
 * Chooses and fits an ARIMA order as pmdarima's auto_arima does with its defaults and no season: d by KPSS, then a
 * stepwise search of p and q by AIC from (2, 2), (0, 0), (1, 0) and (0, 1), an intercept for d below 2 (Hyndman and
 * Khandakar 2008). Not the same to the last digit: upstream stops its optimiser after 50 steps, so that two orders
 * whose AIC nearly tie can be chosen the other way round.
 */
export function searchArima(values: readonly number[]): ArimaFit {
  const d = differencingOrder(values, MOST_DIFFERENCES);
  const intercept = d < 2;
  if (isConstant(difference(values, d))) return fitArima(values, { p: 0, d, q: 0, intercept: true });
  const most = Math.min(MOST_TERMS, Math.floor(values.length / 3));
  const start = Math.min(most, values.length < 10 ? 1 : 2);
  const tried = new Set<string>();
  let best: { fit: ArimaFit; ic: number } | null = null;
  const better = (p: number, q: number, constant = intercept): boolean => {
    const key = `${p} ${q} ${constant}`;
    if (tried.has(key) || tried.size >= MOST_FITS) return false;
    tried.add(key);
    const fit = fitArima(values, { p, d, q, intercept: constant });
    const ic = criterion(fit);
    if (best !== null && !(ic < best.ic)) return false;
    best = { fit, ic };
    return true;
  };

  let [p, q] = [start, start];
  better(p, q);
  if (better(0, 0)) [p, q] = [0, 0];
  if (most > 0 && better(1, 0)) [p, q] = [1, 0];
  if (most > 0 && better(0, 1)) [p, q] = [0, 1];
  if (intercept && better(0, 0, false)) [p, q] = [0, 0];
  for (let improved = true; improved; ) {
    improved = false;
    for (const [dp, dq] of STEPS) {
      const [nextP, nextQ] = [p + dp, q + dq];
      if (nextP < 0 || nextQ < 0 || nextP > most || nextQ > most || !better(nextP, nextQ)) continue;
      [p, q] = [nextP, nextQ];
      improved = true;
      break;
    }
  }
  return winner(best);
}

function winner(best: { fit: ArimaFit } | null): ArimaFit {
  if (best === null) throw new RangeError('no ARIMA order was tried');
  return best.fit;
}

/** AIC, or infinity near a unit root. With MA terms only their roots are looked at, as upstream does. */
function criterion({ aic, order, model }: ArimaFit): number {
  let root = 0;
  if (order.p > 0) root = largestInverseRoot(model.ar);
  if (order.q > 0) root = largestInverseRoot(model.ma.map((value) => -value));
  return root > ROOT_LIMIT ? Number.POSITIVE_INFINITY : aic;
}
