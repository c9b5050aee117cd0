import { z } from 'zod';
import { parseStored } from '../gpu/stored.js';

/**
 * A process that records a pool's telemetry. Its arrivals are complete from `sinceMs` to `throughMs` (Unix ms): by
 * that an empty second is told from a second of which nothing is known.
 */
export const writerSchema = z.object({
  seq: z.number().int(),
  sinceMs: z.number(),
  throughMs: z.number(),
  /** When it flushed last. */
  atMs: z.number(),
  /** It routes into the pool, so its arrivals are all there are of its own. */
  arrivals: z.boolean(),
  closed: z.boolean(),
});
export type Writer = z.output<typeof writerSchema>;

/** A writer that has not flushed for so long has died; what it had not flushed is lost. */
const WRITER_DEAD_MS = 3_000;

/** Reads the hash of writers; what does not parse is left out. */
export function parseWriters(stored: Record<string, string>): Writer[] {
  return Object.values(stored)
    .flatMap((text) => parseStored(writerSchema, text) ?? [])
    .filter((writer) => writer.arrivals);
}

/** Requests by whole second, Unix; undefined: none. */
export type SecondCounts = Pick<ReadonlyMap<number, number>, 'get'>;

/**
 * Counts by whole second from `firstSecond` to `lastSecond` (both included), oldest first. null: nobody recorded that
 * second to its end, or a living writer has not flushed it yet.
 */
export function knownArrivals(
  writers: readonly Writer[],
  counts: SecondCounts,
  firstSecond: number,
  lastSecond: number,
  nowMs: number,
): (number | null)[] {
  const arrivals = new Array<number | null>(Math.max(0, lastSecond - firstSecond + 1)).fill(null);
  // Each writer covers one run of seconds; what lies in several is counted once, and taken back where one is not through.
  for (const { sinceMs, throughMs } of writers) {
    const from = Math.max(firstSecond, Math.ceil(sinceMs / 1000));
    const to = Math.min(lastSecond, Math.floor(throughMs / 1000) - 1);
    for (let second = from; second <= to; second++) arrivals[second - firstSecond] = counts.get(second) ?? 0;
  }
  for (const writer of writers) {
    if (!isLive(writer, nowMs)) continue;
    const { sinceMs, throughMs } = writer;
    // Seconds that end after both its begin and what it has flushed.
    const from = Math.max(firstSecond, Math.floor(Math.max(sinceMs, throughMs) / 1000));
    for (let second = from; second <= lastSecond; second++) arrivals[second - firstSecond] = null;
  }
  return arrivals;
}

/** Seconds since arrivals were last completely known; null: never. */
export function arrivalsAgeSeconds(writers: readonly Writer[], nowMs: number): number | null {
  if (writers.length === 0) return null;
  const live = writers.filter((writer) => isLive(writer, nowMs));
  const through =
    live.length > 0
      ? Math.min(...live.map((writer) => writer.throughMs))
      : Math.max(...writers.map((writer) => writer.throughMs));
  return Math.max(0, nowMs - through) / 1000;
}

function isLive(writer: Writer, nowMs: number): boolean {
  return !writer.closed && nowMs - writer.atMs <= WRITER_DEAD_MS;
}
