/** w_t - mean = sum ar_i (w_{t-i} - mean) + e_t + sum ma_j e_{t-j}. */
export interface ArmaModel {
  ar: readonly number[];
  ma: readonly number[];
  mean: number;
}

export interface ArmaResult {
  /** Exact Gaussian log likelihood at the innovation variance that maximises it. */
  logLikelihood: number;
  /** The next value's mean. */
  next: number;
}

/** Variance below which data count as met exactly, relative to their square. */
const TINY = 1e-300;
/** The covariance has settled when a step changes its first entry by less than this. */
const SETTLED = 1e-12;

/**
 * Runs the Kalman filter of Harvey's form over a stationary ARMA model (Harvey, Forecasting, Structural Time Series
 * Models and the Kalman Filter, 1989, 3.3-3.4), the state starting from its stationary distribution and the innovation
 * variance concentrated out.
 */
export function filterArma(values: readonly number[], model: ArmaModel): ArmaResult {
  const r = Math.max(model.ar.length, model.ma.length + 1);
  const phi = Array.from({ length: r }, (_, i) => model.ar[i] ?? 0);
  const theta = Array.from({ length: r }, (_, i) => (i === 0 ? 1 : (model.ma[i - 1] ?? 0)));
  let p = stationaryCovariance(phi, theta);
  let state = new Array<number>(r).fill(0);
  let logs = 0;
  let squares = 0;
  let settled = false;
  let gain: number[] = [];
  let f = 1;
  for (const value of values) {
    if (!settled) {
      f = p[0]?.[0] ?? 1;
      gain = p.map((row) => (row[0] ?? 0) / f);
    }
    const miss = value - model.mean - (state[0] ?? 0);
    logs += Math.log(f);
    squares += (miss * miss) / f;
    const updated = state.map((x, i) => x + (gain[i] ?? 0) * miss);
    state = phi.map((coefficient, i) => coefficient * (updated[0] ?? 0) + (updated[i + 1] ?? 0));
    if (settled) continue;
    const next = predictCovariance(p, gain, phi, theta);
    settled = Math.abs((next[0]?.[0] ?? 0) - f) < SETTLED;
    p = next;
  }
  const n = values.length;
  const variance = Math.max(TINY, squares / n);
  const logLikelihood = -0.5 * (n * (Math.log(2 * Math.PI * variance) + 1) + logs);
  return { logLikelihood, next: model.mean + (state[0] ?? 0) };
}

/** T (P - K H P) T' + R R' for the companion matrix T of phi. */
function predictCovariance(
  p: readonly (readonly number[])[],
  gain: readonly number[],
  phi: readonly number[],
  theta: readonly number[],
): number[][] {
  const updated = p.map((row, i) => row.map((value, j) => value - (gain[i] ?? 0) * (p[0]?.[j] ?? 0)));
  const at = (i: number, j: number) => updated[i]?.[j] ?? 0;
  return phi.map((a, i) =>
    phi.map(
      (b, j) =>
        a * b * at(0, 0) +
        a * at(0, j + 1) +
        b * at(i + 1, 0) +
        at(i + 1, j + 1) +
        (theta[i] ?? 0) * (theta[j] ?? 0),
    ),
  );
}

/** P = T P T' + R R' by doubling: P += A P A', A = A A. */
function stationaryCovariance(phi: readonly number[], theta: readonly number[]): number[][] {
  let a = phi.map((coefficient, i) => phi.map((_, j) => (j === 0 ? coefficient : 0) + (j === i + 1 ? 1 : 0)));
  let p = theta.map((x) => theta.map((y) => x * y));
  for (let i = 0; i < 60; i++) {
    const grown = multiply(multiply(a, p), transpose(a));
    p = p.map((row, x) => row.map((value, y) => value + (grown[x]?.[y] ?? 0)));
    if (Math.abs(grown[0]?.[0] ?? 0) <= 1e-14 * Math.abs(p[0]?.[0] ?? 0)) break;
    a = multiply(a, a);
  }
  return p;
}

function multiply(a: readonly (readonly number[])[], b: readonly (readonly number[])[]): number[][] {
  return a.map((row) =>
    (b[0] ?? []).map((_, j) => row.reduce((sum, value, k) => sum + value * (b[k]?.[j] ?? 0), 0)),
  );
}

function transpose(a: readonly (readonly number[])[]): number[][] {
  return a.map((_, i) => a.map((row) => row[i] ?? 0));
}
