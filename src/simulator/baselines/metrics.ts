import type { PoolObservation } from '../../contract/observation.js';

/** Requests in the pool, at workers or waiting for one; null: unknown. */
export function concurrency({ queue, load }: PoolObservation): number | null {
  const { prefillWaiting, decodeWaiting } = queue;
  if (prefillWaiting === null || decodeWaiting === null || load.running === null) return null;
  return prefillWaiting + decodeWaiting + load.running;
}

/** Mean tokens of a prompt and an answer: of recent requests, the expected ones until some were seen. */
export function lengths({ load }: PoolObservation, expected: Lengths): Lengths {
  return { isl: Math.max(1, load.isl ?? expected.isl), osl: Math.max(1, load.osl ?? expected.osl) };
}

export interface Lengths {
  isl: number;
  osl: number;
}

/**
 * Requests whose prefill has not begun (vLLM's num_requests_waiting summed over its servers); null: unknown. The queue
 * in front of the workers is counted by request; what waits inside engines is known in prompt tokens, divided by the mean.
 */
export function waitingRequests(seen: PoolObservation, { isl }: Lengths): number | null {
  const { prefillWaiting, decodeWaiting, waitingTokens } = seen.queue;
  if (prefillWaiting === null || decodeWaiting === null || waitingTokens === null) return null;
  return Math.max(prefillWaiting, waitingTokens / isl) + decodeWaiting;
}

/**
 * 0..1: mean share of the ready workers' KV blocks in use (vLLM's kv_cache_usage_perc); null: unknown. An observation
 * counts requests that wait in front of the workers as demand; a server that they have not reached does not.
 */
export function engineKvUsage(
  { queue, load, workers }: PoolObservation,
  { isl, osl }: Lengths,
  kvTokensPerWorker: number,
): number | null {
  const { prefillWaiting, decodeWaiting } = queue;
  const total = workers.decode.ready * kvTokensPerWorker;
  if (load.kvUsage === null || prefillWaiting === null || decodeWaiting === null || total === 0) return null;
  const queued = ((prefillWaiting + decodeWaiting) * (isl + osl)) / total;
  return Math.min(1, Math.max(0, load.kvUsage - queued));
}

/** `value` as a share of `whole`; null: unknown, or no whole. */
export function shareOf(value: number | null, whole: number): number | null {
  return value === null || whole === 0 ? null : value / whole;
}
