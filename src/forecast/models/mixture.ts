import type { Path } from '../path.js';

/** exp of each, scaled to add up to 1. */
export function softWeights(logs: readonly number[]): number[] {
  const most = Math.max(...logs);
  const raw = logs.map((log) => Math.exp(log - most));
  const sum = raw.reduce((total, weight) => total + weight, 0);
  return raw.map((weight) => weight / sum);
}

/** The mixture's mean and variance at each lead: sum w m, sum w (v + (m - mean)^2). All paths have the same length. */
export function mixPaths(paths: readonly Path[], weights: readonly number[]): Path {
  const [first] = paths;
  const mean = new Array<number>(first?.mean.length ?? 0).fill(0);
  const variance = new Array<number>(mean.length).fill(0);
  for (const [i, path] of paths.entries()) {
    const weight = weights[i] ?? 0;
    for (let h = 0; h < mean.length; h++) {
      const m = path.mean[h] ?? 0;
      mean[h] = (mean[h] ?? 0) + weight * m;
      variance[h] = (variance[h] ?? 0) + weight * ((path.variance[h] ?? 0) + m * m);
    }
  }
  for (let h = 0; h < mean.length; h++) variance[h] = Math.max(0, (variance[h] ?? 0) - (mean[h] ?? 0) ** 2);
  return { mean, variance };
}
