import { nonNegativeLeastSquares } from './nnls.js';

/** Enough rounds for a few coefficients to settle. */
const ROUNDS = 30;
/** Relative change of every coefficient in a round that is the last. */
const SETTLED = 1e-9;
/** Misses below this weigh fully even when all others are smaller. */
const LEAST_SCALE = 0.01;

/**
 * Huber's robust regression by reweighting (Huber, Robust Statistics, 1981, ch. 7) with coefficients >= 0, so that one
 * bad point does not pull the law: a miss beyond twice the median one counts in proportion, not squared. Rows and
 * targets are relative to the measured values, so a miss of 0.05 is 5 %. `weights` are the points' own, default 1.
 */
export function robustFit(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  weights: readonly number[] = targets.map(() => 1),
): { coefficients: number[]; misses: number[] } {
  let rounds = weights;
  let coefficients: number[] = [];
  let misses: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = coefficients;
    coefficients = nonNegativeLeastSquares(
      rows.map((row, i) => row.map((value) => value * (rounds[i] ?? 1))),
      targets.map((value, i) => value * (rounds[i] ?? 1)),
    );
    misses = rows.map((row, i) =>
      Math.abs(row.reduce((sum, value, j) => sum + value * (coefficients[j] ?? 0), 0) - (targets[i] ?? 1)),
    );
    if (coefficients.every((value, j) => Math.abs(value - (before[j] ?? 0)) <= SETTLED * value)) break;
    const scale = Math.max(LEAST_SCALE, 2 * median(misses));
    rounds = misses.map((miss, i) => (weights[i] ?? 1) * Math.sqrt(Math.min(1, scale / miss)));
  }
  return { coefficients, misses };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
