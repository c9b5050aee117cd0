/** Differences of the values, `times` times over. */
export function difference(values: readonly number[], times: number): number[] {
  let out = [...values];
  for (let i = 0; i < times; i++) out = out.slice(1).map((value, t) => value - (out[t] ?? 0));
  return out;
}

export function isConstant(values: readonly number[]): boolean {
  return values.every((value) => value === values[0]);
}

/** The 5 % point of the KPSS statistic around a level (Kwiatkowski et al. 1992, table 1). */
const KPSS_LEVEL_5 = 0.463;

/**
 * How often to difference until the KPSS test no longer refuses a level at 5 %, at most `most` times: pmdarima's ndiffs
 * with its truncation lag int(3 sqrt(n) / 13).
 */
export function differencingOrder(values: readonly number[], most: number): number {
  let current = [...values];
  if (isConstant(current)) return 0;
  for (let d = 0; d < most; d++) {
    if (kpssStatistic(current) <= KPSS_LEVEL_5) return d;
    current = difference(current, 1);
    if (isConstant(current)) return d + 1;
  }
  return most;
}

/** KPSS around a level with Bartlett weights: sum of squared partial sums / n^2 over the long-run variance. */
function kpssStatistic(values: readonly number[]): number {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const e = values.map((value) => value - mean);
  let partial = 0;
  const squares = e.reduce((sum, value) => {
    partial += value;
    return sum + partial * partial;
  }, 0);
  const lags = Math.trunc((3 * Math.sqrt(n)) / 13);
  let variance = covariance(e, 0);
  for (let lag = 1; lag <= lags; lag++) variance += 2 * (1 - lag / (lags + 1)) * covariance(e, lag);
  return squares / (n * n) / variance;
}

function covariance(e: readonly number[], lag: number): number {
  let sum = 0;
  for (let t = lag; t < e.length; t++) sum += (e[t] ?? 0) * (e[t - lag] ?? 0);
  return sum / e.length;
}
