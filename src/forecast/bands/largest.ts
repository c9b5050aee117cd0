import type { CountNoise, Path } from '../path.js';

/** Where a rate is expected, and how widely; requests/s. */
export interface Band {
  middle: number;
  /** > 0 */
  spread: number;
}

/**
 * The largest of the counted rates of leads `from` to `to` (from 1), as middle and spread. The mean path's own error is taken
 * as common to the leads, the noise of counting as independent. Of n equal bins the largest is the mean + e_n sd with a
 * variance of v_n sd^2: e_n by Blom (1958), e_n = Phi^-1((n - 0.375) / (n + 0.25)); v_n = 1 / (1 + 0.72 ln n) is within
 * 0.06 of the exact values up to n = 20. A bin whose mean lies below the highest counts for the less of an equal, exp(-d^2 /
 * 2), the more counting deviations d it lies below.
 */
export function largestBand(path: Path, noise: CountNoise, from: number, to: number): Band {
  let top = 0;
  let error = 0;
  for (let lead = from; lead <= to; lead++) {
    const mean = path.mean[lead - 1] ?? 0;
    if (lead > from && mean <= top) continue;
    top = mean;
    error = path.variance[lead - 1] ?? 0;
  }
  const counting = noise.variance(top);
  let equals = 0;
  for (let lead = from; lead <= to; lead++) {
    equals += Math.exp(-((top - (path.mean[lead - 1] ?? 0)) ** 2) / (2 * counting));
  }
  equals = Math.max(1, equals);
  const up = equals > 1 ? normalQuantile((equals - 0.375) / (equals + 0.25)) : 0;
  return {
    middle: top + Math.max(0, up) * Math.sqrt(counting),
    spread: Math.sqrt(error + counting / (1 + 0.72 * Math.log(equals))),
  };
}

/** Whether a rate is less than one request a bin. */
export function isIdle(rate: number, noise: CountNoise): boolean {
  return rate * noise.binSeconds < 1;
}

/** Quantile of the standard normal distribution: Acklam's rational approximation, relative error below 1.2e-9. */
export function normalQuantile(p: number): number {
  if (p <= 0) return Number.NEGATIVE_INFINITY;
  if (p >= 1) return Number.POSITIVE_INFINITY;
  const low = 0.02425;
  if (p < low) return tail(Math.sqrt(-2 * Math.log(p)));
  if (p > 1 - low) return -tail(Math.sqrt(-2 * Math.log(1 - p)));
  const q = p - 0.5;
  const r = q * q;
  return (
    ((((((-3.969683028665376e1 * r + 2.209460984245205e2) * r - 2.759285104469687e2) * r +
      1.38357751867269e2) *
      r -
      3.066479806614716e1) *
      r +
      2.506628277459239) *
      q) /
    (((((-5.447609879822406e1 * r + 1.615858368580409e2) * r - 1.556989798598866e2) * r +
      6.680131188771972e1) *
      r -
      1.328068155288572e1) *
      r +
      1)
  );
}

function tail(q: number): number {
  return (
    (((((-7.784894002430293e-3 * q - 3.223964580411365e-1) * q - 2.400758277161838) * q - 2.549732539343734) *
      q +
      4.374664141464968) *
      q +
      2.938163982698783) /
    ((((7.784695709041462e-3 * q + 3.224671290700398e-1) * q + 2.445134137142996) * q + 3.754408661907416) *
      q +
      1)
  );
}
