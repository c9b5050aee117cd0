import type { Keys } from '../queues/keys.js';

/**
 * How a pool's telemetry lies in Redis: hashes of integers that only grow, so that any number of processes add to
 * them. Arrivals: one hash a minute, one field a second and one for each bucket of prompt lengths. Ended requests: one hash each ten seconds, the fields
 * below. The same fields without an end of time: the totals.
 */
export const LATENCY_SLOT_SECONDS = 10;
export const ARRIVAL_SLOT_SECONDS = 60;
/** Slots are kept for so long after their last change: the last sixty whole minutes are all there. */
export const KEEP_SECONDS = 3720;
/** Marks are kept so long: a day, and some more for the mark before its beginning. */
export const MARKS_SECONDS = 25 * 3600;

/** Plain counters of ended requests. Lengths are sums in tokens over completed requests, times sums in microseconds. */
export const COUNTERS = [
  'completed',
  'failed',
  'expired',
  'cancelled',
  'relegated',
  'attained',
  'isl',
  'osl',
  'ttftUs',
  'itlUs',
] as const;
export type Counter = (typeof COUNTERS)[number];

/**
 * Field prefixes of the sketches: `t-12` is bucket -12 of TTFT; prompt lengths lie beside the arrivals, time in the queue
 * and from acceptance to the end only in the totals.
 */
export const SKETCH_FIELDS = { ttft: 't', itl: 'i', prompt: 'n', queue: 'q', whole: 'e' } as const;
/** Sums of the last two, microseconds. */
export const SUM_FIELDS = { queue: 'queueUs', whole: 'wholeUs' } as const;

export function slotStart(atMs: number, slotSeconds: number): number {
  return Math.floor(atMs / 1000 / slotSeconds) * slotSeconds;
}

export function arrivalsKey(keys: Keys, pool: string, startSecond: number): string {
  return keys.telemetry(pool, 'arrivals', String(startSecond));
}

export function latencyKey(keys: Keys, pool: string, startSecond: number): string {
  return keys.telemetry(pool, 'ended', String(startSecond));
}

export function totalsKey(keys: Keys, pool: string): string {
  return keys.telemetry(pool, 'totals');
}

/** Output lengths of the requests that completed in a minute, by bucket; what a what-if draws from. */
export function outputsKey(keys: Keys, pool: string, startSecond: number): string {
  return keys.telemetry(pool, 'outputs', String(startSecond));
}

/** Once a minute: how many requests had ended and attained by then. */
export function marksKey(keys: Keys, pool: string): string {
  return keys.telemetry(pool, 'marks');
}

export function writersKey(keys: Keys, pool: string): string {
  return keys.telemetry(pool, 'writers');
}

/** Starts of the slots that hold times from `fromMs` to `toMs`, oldest first, seconds. */
export function slotsBetween(fromMs: number, toMs: number, slotSeconds: number): number[] {
  const starts: number[] = [];
  for (let at = slotStart(fromMs, slotSeconds); at * 1000 <= toMs; at += slotSeconds) starts.push(at);
  return starts;
}
