import { chunkSeconds, frontEndSeconds, itlSeconds, lawFor } from './law.js';
import type { Profile, StepLaw } from './types.js';

/**
 * KV tokens that one worker can hold: ((memory x utilisation - overhead) x tp - weights) / kvBytesPerToken, floored;
 * 0 where the weights do not fit. `gpuMemoryUtilization` is 0..1.
 */
export function kvCapacityTokens(profile: Profile, tp: number, gpuMemoryUtilization: number): number {
  lawFor(profile, tp);
  const usable = (profile.gpuMemoryBytes * gpuMemoryUtilization - profile.overheadBytesPerGpu) * tp;
  return Math.max(0, Math.floor((usable - profile.weightBytes) / profile.kvBytesPerToken));
}

/** What a worker is asked to sustain. Latencies in seconds, lengths in tokens, utilisation 0..1. */
export interface WorkerTarget {
  isl: number;
  osl: number;
  ttftSeconds: number;
  itlSeconds: number;
  gpuMemoryUtilization: number;
  maxSequences: number;
  /** Token budget of one step. */
  maxBatchedTokens: number;
}

/** What one aggregated worker sustains: means in steady state at its highest rate within target. */
export interface WorkerCapacity {
  /** Requests per second; 0: not even a lone request meets the target, and the rest is 0 too. */
  rps: number;
  /** Requests inside the worker, waiting for their prefill or decoding (Little's law). */
  concurrency: number;
  ttftSeconds: number;
  itlSeconds: number;
}

const NO_CAPACITY: WorkerCapacity = { rps: 0, concurrency: 0, ttftSeconds: 0, itlSeconds: 0 };

/** `workerCapacity`'s requests per second. */
export function workerCapacityRps(profile: Profile, tp: number, target: WorkerTarget): number {
  return workerCapacity(profile, tp, target).rps;
}

/**
 * The rate that one aggregated worker sustains with mean ITL and mean TTFT within target, and what it holds then.
 *
 * With B sequences decoding, m = osl - 1 decode steps a request, d(B) = b0 + b1 B + b2 B (isl + osl/2) the decode step
 * and w = a1 isl + a2 isl^2 what a prompt adds to the steps that hold it, the mean step lasts
 *   s(B) = d(B) + B w / m                                  (in steady state B/m prompts come in every step)
 * and the worker passes lambda(B) = B / (m s(B)) requests per second (Little's law). The answer is lambda of the largest
 * B, found by bisection, for which s(B) <= ITL target, B (isl + osl) fits the KV cache, B <= maxSequences, and
 * the front end and `meanPrefillSeconds` are within the TTFT target. Means, not percentiles: the room for the tail is the planner's buffer. How near it comes:
 * docs/profile.md.
 */
export function workerCapacity(profile: Profile, tp: number, target: WorkerTarget): WorkerCapacity {
  const steady = steadyWorker(profile, tp, target);
  if (steady === null) {
    const rps = prefillCapacityRps(lawFor(profile, tp), target);
    if (rps === 0) return NO_CAPACITY;
    const { ttftSeconds } = target;
    return { rps, concurrency: rps * ttftSeconds, ttftSeconds, itlSeconds: 0 };
  }
  const { most, at } = steady;
  const holds = (batch: number) =>
    batch < target.maxBatchedTokens &&
    at(batch).itlSeconds <= target.itlSeconds &&
    at(batch).ttftSeconds <= target.ttftSeconds;
  const batch = largest(most, holds);
  return batch > 1e-9 ? at(batch) : NO_CAPACITY;
}

/**
 * What the same worker holds at `share` (0..1) of that rate. Its latencies, and so its concurrency, fall faster than the
 * rate does.
 */
export function workerAtLoad(
  profile: Profile,
  tp: number,
  target: WorkerTarget,
  share: number,
): WorkerCapacity {
  const capacity = workerCapacity(profile, tp, target);
  const steady = steadyWorker(profile, tp, target);
  const rps = capacity.rps * share;
  if (steady === null || share >= 1) return { ...capacity, rps, concurrency: capacity.concurrency * share };
  return rps === 0 ? NO_CAPACITY : steady.at(largest(steady.most, (batch) => steady.at(batch).rps <= rps));
}

interface SteadyWorker {
  /** Sequences that fit. */
  most: number;
  /** With so many sequences decoding. */
  at(batch: number): WorkerCapacity;
}

/** The model above; null for answers of one token, which know no decoding. */
function steadyWorker(profile: Profile, tp: number, target: WorkerTarget): SteadyWorker | null {
  const { isl, osl } = target;
  const law = lawFor(profile, tp);
  const steps = osl - 1;
  if (steps < 1) return null;
  const kvBatch = kvCapacityTokens(profile, tp, target.gpuMemoryUtilization) / (isl + osl);
  const fitting = Math.min(target.maxSequences, kvBatch);
  const prompt = chunkSeconds(law, 0, isl);
  return {
    most: fitting < 1 ? 0 : fitting,
    at: (batch) => {
      const decode = itlSeconds(profile, tp, batch, batch * (isl + osl / 2));
      const step = decode + (batch * prompt) / steps;
      const rps = batch / (steps * step);
      const share = isl / (target.maxBatchedTokens - batch);
      const ttft = frontEndSeconds(law) + meanPrefillSeconds(rps, prompt, decode, share);
      return { rps, concurrency: batch + rps * ttft, ttftSeconds: ttft, itlSeconds: step };
    },
  };
}

/** The largest value up to `most` that holds, where all smaller ones do, by bisection. */
function largest(most: number, holds: (value: number) => boolean): number {
  if (holds(most)) return most;
  let low = 0;
  let high = most;
  for (let i = 0; i < 50; i++) {
    const mid = (low + high) / 2;
    if (holds(mid)) low = mid;
    else high = mid;
  }
  return low;
}

/**
 * Mean time from a prompt's arrival at the scheduler to its first token, seconds, while decoding never pauses:
 *   (1/2 + rho) E[s^2] / E[s] + w + max(1, share) d + r^2 r v / (2 (1 - r))
 * with rho = lambda w, E[s] = d / (1 - rho) and E[s^2] = E[s]^2 + w^2 lambda E[s] / (1 - rho^2). Up to there it is exact
 * where every prompt fits the next step: one waits for the rest of the step under way, then computes beside all that
 * came in it. The last term is the wait for the step's token budget: an M/D/1 queue of prompts of v = w + share d each,
 * r = lambda v, weighed by r^2 since the budget binds in busy times only (the exponent is a fit to the sim core).
 * `share`: prompt / prompt tokens that a step takes. Infinity beyond r = 1.
 */
function meanPrefillSeconds(lambda: number, w: number, d: number, share: number): number {
  const v = w + share * d;
  const r = lambda * v;
  const rho = lambda * w;
  if (r >= 1 || rho >= 1) return Number.POSITIVE_INFINITY;
  const mean = d / (1 - rho);
  const square = mean * mean + (w * w * lambda * mean) / (1 - rho * rho);
  return ((0.5 + rho) * square) / mean + w + Math.max(1, share) * d + (r ** 3 * v) / (2 * (1 - r));
}

/** Prompts per second of a worker that only prefills, one after another: an M/D/1 queue that is idle in between. */
function prefillCapacityRps(law: StepLaw, target: WorkerTarget): number {
  const prompt = chunkSeconds(law, 0, target.isl);
  const share = target.isl / target.maxBatchedTokens;
  const service = prompt + share * law.itl[0];
  const wait = target.ttftSeconds - frontEndSeconds(law) - prompt - Math.max(1, share) * law.itl[0];
  if (wait <= 0) return 0;
  const utilisation = (2 * wait) / (service + 2 * wait);
  return utilisation / service;
}
