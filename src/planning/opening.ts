import { z } from 'zod';
import type { PoolObservation } from '../contract/observation.js';

/** What is remembered of a pool's opening. */
export const openingSchema = z.object({
  /** Unix ms at which its first traffic was seen; null: none yet. */
  trafficFromMs: z.number().nullable(),
  /** Requests that stood aside at the opening's end, or do now. */
  late: z.number().min(0),
});
export type Opening = z.output<typeof openingSchema>;

/** Of a planner that has seen nothing. */
export const UNOPENED: Opening = { trafficFromMs: null, late: 0 };
/** Of one that looked on before openings were remembered. */
export const LONG_OPEN: Opening = { trafficFromMs: 0, late: 0 };

/** It takes one span to see how much there is, and one until the workers ordered then are ready. */
const SPANS = 2;
const HOUR_MS = 3_600_000;

/**
 * The time from a pool's first traffic in which no planner without a past could have had its workers: two spans of a cold
 * start and an interval, once in its life. What becomes late then cannot be planned, and to win it back would take more
 * workers for an hour than the load does.
 */
export function isOpening(opening: Opening, atMs: number, spanSeconds: number): boolean {
  const until = openUntilMs(opening, spanSeconds);
  return until === null || atMs < until;
}

/** Unix ms at which it ends; null: no traffic yet. */
export function openUntilMs({ trafficFromMs }: Opening, spanSeconds: number): number | null {
  return trafficFromMs === null ? null : trafficFromMs + SPANS * spanSeconds * 1000;
}

/** Requests that were late when the opening ended, for an hour: not to be won back. */
export function pardonedAt({ trafficFromMs, late }: Opening, atMs: number): number {
  return atMs - (trafficFromMs ?? atMs) < HOUR_MS ? late : 0;
}

/** The opening with one more look at the pool. */
export function openingAfter(before: Opening, o: PoolObservation, spanSeconds: number): Opening {
  const seen = o.load.arrivals.some((count) => (count ?? 0) > 0) || (o.queue.lateWaiting ?? 0) > 0;
  const trafficFromMs = before.trafficFromMs ?? (seen ? o.atMs : null);
  const after = { ...before, trafficFromMs };
  return isOpening(after, o.atMs, spanSeconds)
    ? { trafficFromMs, late: o.queue.lateWaiting ?? before.late }
    : after;
}
