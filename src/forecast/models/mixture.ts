import type { Path } from '../path.js';

/** exp of each, scaled to add up to 1. */
export function softWeights(logs: readonly number[]): number[] {
  const most = Math.max(...logs);
  const raw = logs.map((log) => Math.exp(log - most));
  const sum = raw.reduce((total, weight) => total + weight, 0);
  return raw.map((weight) => weight / sum);
}

/**
 * The weighed mean at each lead, and a variance by averaging deviations, (sum w sqrt(v + (m - mean)^2))^2, as an average of
 * quantiles does: a model that is hardly believed but very unsure does not widen the whole, as it would in the variance
 * of a mixture. All paths have the same length.
 */
export function mixPaths(paths: readonly Path[], weights: readonly number[]): Path {
  const bins = paths[0]?.mean.length ?? 0;
  const mean = new Float64Array(paths.length * bins);
  const variance = new Float64Array(paths.length * bins);
  for (const [i, path] of paths.entries()) {
    mean.set(path.mean, i * bins);
    variance.set(path.variance, i * bins);
  }
  return mixFlat(mean, variance, bins, weights);
}

/** `mixPaths` of paths that stand one after the other. */
export function mixFlat(
  means: Float64Array,
  variances: Float64Array,
  bins: number,
  weights: readonly number[],
): Path {
  const path: Path = { mean: new Array<number>(bins), variance: new Array<number>(bins) };
  for (let h = 0; h < bins; h++) {
    let mean = 0;
    for (let i = 0; i < weights.length; i++) mean += (weights[i] ?? 0) * (means[i * bins + h] ?? 0);
    let deviation = 0;
    for (let i = 0; i < weights.length; i++) {
      const off = (means[i * bins + h] ?? 0) - mean;
      deviation += (weights[i] ?? 0) * Math.sqrt((variances[i * bins + h] ?? 0) + off * off);
    }
    path.mean[h] = mean;
    path.variance[h] = deviation * deviation;
  }
  return path;
}
