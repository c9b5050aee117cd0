import type { Standing } from './deadline.js';

/** One in so many requests that a worker takes may be one that has stood aside for longer than its bound. */
export const STARVED_TAKES = 100;

/** The times of a request that decide where it stands, Unix ms. */
export interface DueTimes {
  acceptedAtMs: number;
  /** When its first token is due. */
  deadlineMs: number;
}

/**
 * Where a request belongs that a worker could begin at `nowMs`: `late` if its first token is predicted after target x
 * buffer. A late request stands behind all that can still make theirs, so that it does not make them late too: in
 * plain deadline order every request beyond capacity waits just too long, and almost none is in time. The buffer (0..1)
 * keeps those in time that take a little longer than predicted.
 */
export function standingAt(
  request: DueTimes,
  buffer: number,
  nowMs: number,
  firstTokenAfterMs: number,
): Standing {
  const aimMs = request.acceptedAtMs + (request.deadlineMs - request.acceptedAtMs) * buffer;
  return nowMs + firstTokenAfterMs <= aimMs ? 'onTime' : 'late';
}
