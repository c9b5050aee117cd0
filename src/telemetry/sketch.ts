/** Largest relative error of a quantile, 0..1. */
export const RELATIVE_ACCURACY = 0.01;

const GAMMA = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY);
const LOG_GAMMA = Math.log(GAMMA);
/** Seconds; beyond them a value counts as the bound, which keeps the number of buckets below 1,400. */
export const SMALLEST = 1e-6;
export const LARGEST = 1e6;

/** The bucket of a value in seconds: i = ceil(log_gamma(value)), gamma = (1 + accuracy) / (1 - accuracy). */
export function bucketOf(value: number): number {
  return Math.ceil(Math.log(Math.min(LARGEST, Math.max(SMALLEST, value))) / LOG_GAMMA);
}

/** Largest value of a bucket, seconds. */
export function bucketCeiling(bucket: number): number {
  return Math.exp(bucket * LOG_GAMMA);
}

/** The value that stands for a bucket: 2 gamma^i / (gamma + 1), within the accuracy of each value in it. */
export function bucketValue(bucket: number): number {
  return (2 * Math.exp(bucket * LOG_GAMMA)) / (GAMMA + 1);
}

/**
 * A quantile sketch of positive numbers with a bounded relative error: counts in logarithmic buckets, so that
 * sketches merge by adding counts, in any order, in any process, or in Redis by HINCRBY.
 * Source: Masson, Rim and Lee, "DDSketch", VLDB 2019 (there with collapsing of the lowest buckets; the range of
 * latencies needs none).
 */
export class QuantileSketch {
  readonly buckets = new Map<number, number>();
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(value: number, times = 1): void {
    this.addBucket(bucketOf(value), times);
  }

  addBucket(bucket: number, times: number): void {
    this.buckets.set(bucket, (this.buckets.get(bucket) ?? 0) + times);
    this.#count += times;
  }

  merge(other: QuantileSketch): void {
    for (const [bucket, times] of other.buckets) this.addBucket(bucket, times);
  }

  /** The q-th quantile (0..1) by nearest rank, seconds; null when empty. */
  quantile(q: number): number | null {
    if (this.#count === 0) return null;
    // The small term keeps a rank that is whole, such as 0.95 of 20, from being rounded up by floating point.
    const rank = Math.min(this.#count, Math.max(1, Math.ceil(q * this.#count - 1e-9)));
    let seen = 0;
    for (const bucket of [...this.buckets.keys()].sort((a, b) => a - b)) {
      seen += this.buckets.get(bucket) ?? 0;
      if (seen >= rank) return bucketValue(bucket);
    }
    return null;
  }
}
