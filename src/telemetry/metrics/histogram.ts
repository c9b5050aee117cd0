import { bucketCeiling } from '../sketch.js';
import type { Sample } from './family.js';

/** Bounds of TTFT, queue time and request duration, seconds: those of vLLM's histograms. */
export const TIME_BOUNDS = [
  0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640,
];
/** Bounds of ITL, seconds: vLLM's, and finer below its first, where a fast engine's answers lie. */
export const ITL_BOUNDS = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20,
  40, 80,
];

/** Counts in the buckets of a quantile sketch, and their sum. */
export interface Distribution {
  /** Bucket of the sketch -> count. */
  buckets: ReadonlyMap<number, number>;
  /** Seconds. */
  sum: number;
}

/** Bounds with every target among them, so that the share within a target is read off exactly. */
export function boundsWith(bounds: readonly number[], targets: readonly number[]): number[] {
  return [...new Set([...bounds, ...targets])].sort((a, b) => a - b);
}

/**
 * Samples of one histogram. A sketch's bucket counts where its upper end lies: a value within 2 % below a bound may
 * count above it.
 */
export function histogramSamples(
  labels: Record<string, string>,
  { buckets, sum }: Distribution,
  bounds: readonly number[],
): Sample[] {
  const ordered = [...buckets].sort(([a], [b]) => a - b);
  const samples: Sample[] = [];
  let at = 0;
  let seen = 0;
  for (const bound of bounds) {
    for (; at < ordered.length; at++) {
      const [bucket, count] = ordered[at] ?? [0, 0];
      // A bound that is itself the end of a bucket must not lose it to rounding.
      if (bucketCeiling(bucket) > bound * (1 + 1e-9)) break;
      seen += count;
    }
    samples.push({ suffix: '_bucket', labels: { ...labels, le: String(bound) }, value: seen });
  }
  const count = ordered.reduce((total, [, times]) => total + times, 0);
  samples.push({ suffix: '_bucket', labels: { ...labels, le: '+Inf' }, value: count });
  samples.push({ suffix: '_sum', labels, value: sum });
  samples.push({ suffix: '_count', labels, value: count });
  return samples;
}
