import { itlSeconds, lawFor, ttftSeconds } from './law.js';
import type { Profile } from './types.js';

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
}

/**
 * Requests per second that one aggregated worker sustains with mean ITL and mean TTFT within target.
 *
 * With B sequences decoding, m = osl - 1 decode steps a request, and each prompt costing w = max(a0,b0) - b0 + a1 isl
 * + a2 isl^2 on top of a decode step, the mean step lasts
 *   s(B) = b0 + b1 B + b2 B (isl + osl/2) + B w / m        (in steady state B/m prompts come in every step)
 * and the worker passes lambda(B) = B / (m s(B)) requests per second (Little's law). The largest B, found by bisection,
 * for which s(B) <= ITL target, B (isl + osl) fits the KV cache, B <= maxSequences, and the TTFT holds: own prefill
 * step v = w + decode step, plus the wait in an M/D/1 queue of such steps, rho v / (2 (1 - rho)) with rho = lambda v.
 * Means, not percentiles: the room for the tail is the planner's buffer.
 */
export function workerCapacityRps(profile: Profile, tp: number, target: WorkerTarget): number {
  const { isl, osl } = target;
  const b0 = itlSeconds(profile, tp, 0, 0);
  const lone = ttftSeconds(profile, tp, isl);
  const a0 = ttftSeconds(profile, tp, 0);
  const promptCost = Math.max(0, b0 - a0) + lone - b0;
  const steps = osl - 1;
  if (steps < 1) return queueLimitedRps(lone, target.ttftSeconds);

  const kvBatch = kvCapacityTokens(profile, tp, target.gpuMemoryUtilization) / (isl + osl);
  const most = Math.min(target.maxSequences, kvBatch);
  if (most < 1) return 0;
  const decode = (batch: number) => itlSeconds(profile, tp, batch, batch * (isl + osl / 2));
  const step = (batch: number) => decode(batch) + (batch * promptCost) / steps;
  const rate = (batch: number) => batch / (steps * step(batch));
  const holds = (batch: number) =>
    step(batch) <= target.itlSeconds &&
    rate(batch) <= queueLimitedRps(promptCost + decode(batch), target.ttftSeconds);
  if (holds(most)) return rate(most);
  let low = 0;
  let high = most;
  for (let i = 0; i < 50; i++) {
    const mid = (low + high) / 2;
    if (holds(mid)) low = mid;
    else high = mid;
  }
  return low > 1e-9 ? rate(low) : 0;
}

/** Rate at which service of `service` seconds plus its mean M/D/1 wait takes `limit` seconds; 0 if it never fits. */
function queueLimitedRps(service: number, limit: number): number {
  const slack = limit - service;
  if (slack <= 0) return 0;
  const utilisation = (2 * slack) / (service + 2 * slack);
  return utilisation / service;
}
