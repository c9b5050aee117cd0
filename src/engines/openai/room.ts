import type { EngineMetrics } from './metrics.js';

/** A request that this worker has on an engine. */
export interface Held {
  /** Of the request, the same for each attempt at it. */
  id: string;
  isl: number;
  /** Tokens of the whole answer at most. */
  maxTokens: number;
  made: number;
  /** KV of the prompt comes from elsewhere. */
  transfers: boolean;
}

/** What an engine said of itself, and what this worker had on it then. */
export interface Sighting {
  metrics: EngineMetrics;
  held: number;
  /** KV tokens of those requests then, and those of them without a first token. */
  heldTokens: number;
  heldWaiting: number;
}

export interface Limits {
  maxSequences: number;
  maxBatchedTokens: number;
  /** KV cache where the engine does not tell, tokens. */
  kvTokens: number;
}

/** Requests and KV tokens on the engine that are not this worker's, as of the sighting. */
export function others(
  seen: Sighting | null,
  kvTokens: number,
): { requests: number; waiting: number; tokens: number } {
  if (seen === null) return { requests: 0, waiting: 0, tokens: 0 };
  const { running, waiting, kvUsage } = seen.metrics;
  return {
    requests: Math.max(0, running + waiting - seen.held),
    waiting: Math.max(0, waiting - seen.heldWaiting),
    tokens: Math.max(0, kvUsage * kvTokens - seen.heldTokens),
  };
}

export function kvCapacity(limits: Limits, seen: Sighting | null): number {
  return seen?.metrics.kvTokens ?? limits.kvTokens;
}

/**
 * Requests of about `tokens` KV tokens that an engine could work on soon, as the sim engine reckons it: `places` within its
 * free sequences, and within the KV tokens that nobody has and that held requests will not grow into; `room` those of them
 * for which the prompts that wait fill less than two steps. What others have on it is known from its last sighting; `null`: it
 * does not tell.
 */
export function roomOf(
  limits: Limits,
  seen: Sighting | null,
  held: ReadonlySet<Held>,
  tokens: number,
): { room: number; places: number } {
  const size = Math.max(1, tokens);
  const kv = kvCapacity(limits, seen);
  const foreign = others(seen, kv);
  // Prompts that share a prefix hold less than the sum of their lengths.
  const shared = seen === null ? 0 : Math.max(0, seen.heldTokens - seen.metrics.kvUsage * kv);
  let demand = foreign.tokens - shared;
  let pending = foreign.waiting * size;
  for (const request of held) {
    demand += request.isl + request.maxTokens;
    if (request.made === 0 && !request.transfers) pending += request.isl;
  }
  const bySequences = limits.maxSequences - held.size - foreign.requests;
  const byKv = Math.floor((kv - demand) / size);
  const byPrefill = Math.ceil((2 * limits.maxBatchedTokens - pending) / size);
  const least = held.size + foreign.requests === 0 ? 1 : 0;
  const places = Math.max(least, Math.min(bySequences, byKv));
  return { room: Math.max(least, Math.min(places, byPrefill)), places };
}
