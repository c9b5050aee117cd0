import { PROMPT_SHARES } from '../contract/observation.js';

/** Each bucket of lengths is so many times as long as the one before: a length is told within 5 %. */
const GROWTH = 1.1;
const LOG_GROWTH = Math.log(GROWTH);
/** Buckets of 1 to 1,000,000 tokens. */
export const PROMPT_BUCKETS = Math.ceil(Math.log(1e6) / LOG_GROWTH) + 1;

/** Buckets of the usual lengths, which are looked up for every request. */
const USUAL = Uint8Array.from({ length: 8193 }, (_, tokens) => computedBucket(tokens));

/** Bucket of a prompt or an output of so many tokens, 0 .. PROMPT_BUCKETS - 1. */
export function lengthBucket(tokens: number): number {
  return USUAL[tokens] ?? computedBucket(tokens);
}

function computedBucket(tokens: number): number {
  return Math.min(PROMPT_BUCKETS - 1, Math.max(0, Math.round(Math.log(Math.max(1, tokens)) / LOG_GROWTH)));
}

/** The length that stands for a bucket, tokens. */
export function bucketTokens(bucket: number): number {
  return Math.round(Math.exp(bucket * LOG_GROWTH));
}

/**
 * Mean ISL of each class of `PROMPT_SHARES`, tokens, from counts by bucket: the requests in order of length, cut where the
 * classes end, a bucket that lies in two split between them. Null: no request.
 */
export function promptClasses(counts: ArrayLike<number>): number[] | null {
  let total = 0;
  for (let bucket = 0; bucket < counts.length; bucket++) total += counts[bucket] ?? 0;
  if (total <= 0) return null;
  const means: number[] = [];
  let bucket = 0;
  let left = counts[0] ?? 0;
  for (const share of PROMPT_SHARES) {
    let wanted = share * total;
    let sum = 0;
    let taken = 0;
    while (wanted > 1e-9) {
      while (left <= 0 && bucket < counts.length - 1) left = counts[++bucket] ?? 0;
      const part = bucket === counts.length - 1 ? wanted : Math.min(left, wanted);
      sum += part * Math.exp(bucket * LOG_GROWTH);
      taken += part;
      left -= part;
      wanted -= part;
    }
    means.push(taken > 0 ? sum / taken : (means.at(-1) ?? 1));
  }
  return means;
}
