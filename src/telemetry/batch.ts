import { lengthBucket } from './prompt-lengths.js';
import { bucketOf } from './sketch.js';
import {
  ARRIVAL_SLOT_SECONDS,
  type Counter,
  LATENCY_SLOT_SECONDS,
  SKETCH_FIELDS,
  SUM_FIELDS,
  slotStart,
} from './slots.js';

/** How one request ended, as far as telemetry goes. */
export interface EndSample {
  kind: 'completed' | 'failed' | 'expired' | 'cancelled' | 'relegated';
  /** Absent or null: no token came. */
  ttftSeconds?: number | null | undefined;
  /** Mean inter-token latency, seconds; absent or null: fewer than two tokens. */
  itlSeconds?: number | null | undefined;
  /** From acceptance to when a worker took it, seconds; absent: no worker did. */
  queueSeconds?: number | undefined;
  /** From acceptance to the end, seconds; absent: not known. */
  wholeSeconds?: number | undefined;
  /** TTFT and mean ITL both within target. */
  attained: boolean;
  /** Tokens. */
  isl: number;
  osl: number;
  /** Unix ms of the end. */
  atMs: number;
}

/** Where a write goes, with what it adds. */
export interface BatchWrite {
  target: 'arrivals' | 'ended' | 'outputs' | 'totals';
  /** Start of the slot, Unix seconds; 0 for the totals. */
  startSecond: number;
  increments: Map<string, number>;
}

interface EndedSlot {
  counters: Map<Counter, number>;
  ttft: Map<number, number>;
  itl: Map<number, number>;
}

/** What happened in one pool since the last flush. Adding is cheap: no string is made for a request. */
export class PoolBatch {
  readonly #arrivals = new Map<number, number>();
  /** Prompts by minute and bucket of length. */
  readonly #prompts = new Map<number, Map<number, number>>();
  readonly #ended = new Map<number, EndedSlot>();
  /** Outputs of completed requests by minute and bucket of length. */
  readonly #outputs = new Map<number, Map<number, number>>();
  readonly #times = { queue: new TimeCounts(), whole: new TimeCounts() };
  #routed = 0;
  #rejected = 0;

  arrival(atMs: number, isl: number): void {
    this.#routed++;
    this.demand(atMs, isl);
  }

  /** A request that came, whether or not it was taken: what a pool is sized for. */
  demand(atMs: number, isl: number): void {
    const minute = slotStart(atMs, ARRIVAL_SLOT_SECONDS);
    bump(within(this.#prompts, minute), lengthBucket(isl), 1);
    bump(this.#arrivals, Math.floor(atMs / 1000), 1);
  }

  rejected(): void {
    this.#rejected++;
  }

  ended(sample: EndSample): void {
    const start = slotStart(sample.atMs, LATENCY_SLOT_SECONDS);
    let slot = this.#ended.get(start);
    if (slot === undefined) {
      slot = { counters: new Map(), ttft: new Map(), itl: new Map() };
      this.#ended.set(start, slot);
    }
    const { counters } = slot;
    bump(counters, sample.kind, 1);
    if (sample.attained) bump(counters, 'attained', 1);
    if (sample.kind === 'completed') {
      bump(counters, 'isl', Math.round(sample.isl));
      bump(counters, 'osl', Math.round(sample.osl));
      bump(within(this.#outputs, slotStart(sample.atMs, ARRIVAL_SLOT_SECONDS)), lengthBucket(sample.osl), 1);
    }
    if (isTime(sample.queueSeconds)) this.#times.queue.add(sample.queueSeconds);
    if (isTime(sample.wholeSeconds)) this.#times.whole.add(sample.wholeSeconds);
    if (isTime(sample.ttftSeconds)) {
      bump(slot.ttft, bucketOf(sample.ttftSeconds), 1);
      bump(counters, 'ttftUs', Math.round(sample.ttftSeconds * 1e6));
    }
    if (isTime(sample.itlSeconds)) {
      bump(slot.itl, bucketOf(sample.itlSeconds), 1);
      bump(counters, 'itlUs', Math.round(sample.itlSeconds * 1e6));
    }
  }

  /** The batch as increments of hashes; empty when nothing happened. */
  writes(): BatchWrite[] {
    const writes: BatchWrite[] = [];
    const totals = new Map<string, number>();
    const minutes = new Map<number, Map<string, number>>();
    for (const [second, times] of this.#arrivals) {
      const start = slotStart(second * 1000, ARRIVAL_SLOT_SECONDS);
      const fields = minutes.get(start) ?? new Map<string, number>();
      minutes.set(start, fields);
      bump(fields, String(second - start), times);
    }
    for (const [start, prompts] of this.#prompts) {
      const fields = minutes.get(start) ?? new Map<string, number>();
      minutes.set(start, fields);
      for (const [bucket, times] of prompts) fields.set(`${SKETCH_FIELDS.prompt}${bucket}`, times);
    }
    for (const [startSecond, increments] of minutes) {
      writes.push({ target: 'arrivals', startSecond, increments });
    }
    for (const [startSecond, slot] of this.#ended) {
      const increments = new Map<string, number>(slot.counters);
      for (const [bucket, times] of slot.ttft) increments.set(`${SKETCH_FIELDS.ttft}${bucket}`, times);
      for (const [bucket, times] of slot.itl) increments.set(`${SKETCH_FIELDS.itl}${bucket}`, times);
      for (const [field, amount] of increments) bump(totals, field, amount);
      writes.push({ target: 'ended', startSecond, increments });
    }
    for (const [startSecond, outputs] of this.#outputs) {
      const increments = new Map([...outputs].map(([bucket, times]) => [String(bucket), times]));
      writes.push({ target: 'outputs', startSecond, increments });
    }
    for (const name of ['queue', 'whole'] as const) {
      const { buckets, microseconds } = this.#times[name];
      for (const [bucket, times] of buckets) totals.set(`${SKETCH_FIELDS[name]}${bucket}`, times);
      if (buckets.size > 0) totals.set(SUM_FIELDS[name], microseconds);
    }
    if (this.#routed > 0) totals.set('routed', this.#routed);
    if (this.#rejected > 0) totals.set('rejected', this.#rejected);
    if (totals.size > 0) writes.push({ target: 'totals', startSecond: 0, increments: totals });
    return writes;
  }
}

class TimeCounts {
  readonly buckets = new Map<number, number>();
  microseconds = 0;

  add(seconds: number): void {
    bump(this.buckets, bucketOf(seconds), 1);
    this.microseconds += Math.round(seconds * 1e6);
  }
}

function isTime(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

/** The counts of a minute, made when it is first seen. */
function within(minutes: Map<number, Map<number, number>>, minute: number): Map<number, number> {
  const known = minutes.get(minute);
  if (known !== undefined) return known;
  const fresh = new Map<number, number>();
  minutes.set(minute, fresh);
  return fresh;
}

function bump<K>(map: Map<K, number>, key: K, amount: number): void {
  map.set(key, (map.get(key) ?? 0) + amount);
}
