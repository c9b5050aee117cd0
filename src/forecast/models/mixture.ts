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
  const mean = new Array<number>(bins).fill(0);
  const variance = new Array<number>(bins).fill(0);
  for (let h = 0; h < bins; h++) {
    let middle = 0;
    for (let i = 0; i < paths.length; i++) middle += (weights[i] ?? 0) * (paths[i]?.mean[h] ?? 0);
    let deviation = 0;
    for (let i = 0; i < paths.length; i++) {
      const path = paths[i];
      const off = (path?.mean[h] ?? 0) - middle;
      deviation += (weights[i] ?? 0) * Math.sqrt((path?.variance[h] ?? 0) + off * off);
    }
    mean[h] = middle;
    variance[h] = deviation * deviation;
  }
  return { mean, variance };
}
