import { difference } from '../../../forecast/arima/differencing.js';
import { fromPartial } from '../../../forecast/arima/partial.js';
import { type ArmaModel, filterArma } from './arma.js';
import { minimise } from './nelder-mead.js';

export interface ArimaOrder {
  p: number;
  d: number;
  q: number;
  intercept: boolean;
}

export interface ArimaFit {
  order: ArimaOrder;
  /** The model of the differences. */
  model: ArmaModel;
  aic: number;
  /** Unconstrained parameters, from which a later fit starts. */
  parameters: readonly number[];
}

/**
 * Fits ARIMA(p, d, q) by exact maximum likelihood of the d-th differences, kept stationary and invertible by partial
 * autocorrelations (Monahan 1984). AIC = 2 (p + q + intercept + 1) - 2 log L, the one for the variance.
 */
export function fitArima(values: readonly number[], order: ArimaOrder, start?: readonly number[]): ArimaFit {
  const w = difference(values, order.d);
  const n = Math.max(1, w.length);
  const centre = order.intercept ? w.reduce((sum, value) => sum + value, 0) / n : 0;
  const spread = Math.sqrt(w.reduce((sum, value) => sum + (value - centre) ** 2, 0) / n) || 1;
  const modelOf = (x: readonly number[]): ArmaModel => ({
    ar: fromPartial(x.slice(0, order.p)),
    // The MA polynomial is 1 + ma z: invertible where its negative is a stationary AR.
    ma: fromPartial(x.slice(order.p, order.p + order.q)).map((value) => -value),
    mean: order.intercept ? centre + (x[order.p + order.q] ?? 0) * spread : 0,
  });
  const size = order.p + order.q + (order.intercept ? 1 : 0);
  const from = start?.length === size ? start : new Array<number>(size).fill(0.1).fill(0, order.p + order.q);
  const best = minimise((x) => -filterArma(w, modelOf(x)).logLikelihood, from);
  return { order, model: modelOf(best.x), aic: 2 * (size + 1) + 2 * best.f, parameters: best.x };
}

/** The next value of the series itself: the next difference added to the last values. */
export function forecastArima(values: readonly number[], fit: ArimaFit): number {
  const { d } = fit.order;
  let next = filterArma(difference(values, d), fit.model).next;
  for (let k = d - 1; k >= 0; k--) {
    const level = difference(values, k);
    next += level[level.length - 1] ?? 0;
  }
  return next;
}
