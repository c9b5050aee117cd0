import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Keys } from '../queues/keys.js';
import { luaScript } from '../queues/script.js';
import { type BatchWrite, type EndSample, PoolBatch } from './batch.js';
import { arrivalsKey, KEEP_SECONDS, latencyKey, outputsKey, totalsKey, writersKey } from './slots.js';
import type { Writer } from './writers.js';

const flushScript = luaScript(new URL('./lua/flush.lua', import.meta.url));

const FLUSH_MS = 250;
/** A closing process waits so long for its last flush. */
const CLOSE_LIMIT_MS = 3_000;

/** The "pool" of what belongs to none: requests that were refused before a pool was chosen. */
export const NO_POOL = '';

export interface RecorderOptions {
  /**
   * Pools into which this process routes: it vouches for their arrivals even while there are none, by which an idle
   * pool is told from an unobserved one. A process that only sees requests end (a worker) names none.
   */
  pools?: readonly string[] | undefined;
  flushMs?: number | undefined;
  /** Unix ms. */
  clock?: (() => number) | undefined;
}

interface PoolState {
  vouchesArrivals: boolean;
  seq: number;
  sinceMs: number;
  current: PoolBatch;
  /** Sent but not confirmed: sent again, under its number, until it is. */
  pending: { seq: number; writes: BatchWrite[]; writer: Writer } | null;
}

/**
 * Counts requests in this process and adds the counts to Redis about four times a second, each exactly once.
 * Recording is synchronous, cheap and never throws; a failed flush keeps its numbers for the next one.
 */
export class Recorder {
  readonly #id = randomUUID();
  readonly #pools = new Map<string, PoolState>();
  readonly #clock: () => number;
  readonly #flushMs: number;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> | undefined;
  #closed = false;

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    options: RecorderOptions = {},
  ) {
    this.#clock = options.clock ?? Date.now;
    this.#flushMs = options.flushMs ?? FLUSH_MS;
    for (const pool of options.pools ?? []) this.#state(pool, true);
  }

  /** A request of `isl` prompt tokens was routed to a pool. */
  arrival(pool: string, atMs: number, isl: number): void {
    this.#state(pool).current.arrival(atMs, isl);
  }

  /** A request of `isl` prompt tokens was refused because the pool is too busy; its planner sizes for it all the same. */
  turnedAway(pool: string, atMs: number, isl: number): void {
    this.#state(pool).current.demand(atMs, isl);
    this.#state(pool).current.rejected();
  }

  /** A request was refused; null: before a pool was chosen. */
  rejected(pool: string | null): void {
    this.#state(pool ?? NO_POOL).current.rejected();
  }

  ended(pool: string, sample: EndSample): void {
    this.#state(pool).current.ended(sample);
  }

  start(): void {
    if (this.#timer !== undefined || this.#closed) return;
    this.#timer = setInterval(() => void this.flush(), this.#flushMs);
    this.#timer.unref();
  }

  /** Sends what was counted. Never rejects; a flush that is under way is waited for instead of starting another. */
  flush(): Promise<void> {
    this.#flushing ??= this.#flushAll().finally(() => {
      this.#flushing = undefined;
    });
    return this.#flushing;
  }

  /** Sends the rest and signs off, waiting at most a few seconds for Redis. */
  async close(): Promise<void> {
    if (this.#closed) return;
    clearInterval(this.#timer);
    let limit: NodeJS.Timeout | undefined;
    const last = (async () => {
      await this.#flushing;
      this.#closed = true;
      // A batch that failed before goes first, so a second round may be needed for what came after it.
      await this.flush();
      if ([...this.#pools.values()].some((state) => state.pending?.writer.closed === false))
        await this.flush();
    })();
    await Promise.race([
      last,
      new Promise((resolve) => {
        limit = setTimeout(resolve, CLOSE_LIMIT_MS);
      }),
    ]);
    this.#closed = true;
    clearTimeout(limit);
  }

  #state(pool: string, vouchesArrivals = false): PoolState {
    let state = this.#pools.get(pool);
    if (state === undefined) {
      state = {
        vouchesArrivals,
        seq: 0,
        sinceMs: this.#clock(),
        current: new PoolBatch(),
        pending: null,
      };
      this.#pools.set(pool, state);
    }
    return state;
  }

  async #flushAll(): Promise<void> {
    await Promise.all([...this.#pools].map(([pool, state]) => this.#flushPool(pool, state)));
  }

  async #flushPool(pool: string, state: PoolState): Promise<void> {
    const retried = state.pending !== null;
    state.pending ??= this.#seal(state);
    try {
      await this.#send(pool, state.pending);
      state.pending = null;
      if (retried) {
        state.pending = this.#seal(state);
        await this.#send(pool, state.pending);
        state.pending = null;
      }
    } catch {
      // Kept in `pending`; the next flush sends it under the same number.
    }
  }

  /** Closes the current batch. What happened until now is in it: it is complete through this moment. */
  #seal(state: PoolState): NonNullable<PoolState['pending']> {
    const now = this.#clock();
    const writes = state.current.writes();
    state.current = new PoolBatch();
    state.seq++;
    const writer: Writer = {
      seq: state.seq,
      sinceMs: state.sinceMs,
      throughMs: now,
      atMs: now,
      arrivals: state.vouchesArrivals,
      closed: this.#closed,
    };
    return { seq: state.seq, writes, writer };
  }

  async #send(pool: string, batch: NonNullable<PoolState['pending']>): Promise<void> {
    const redisKeys = [writersKey(this.keys, pool), totalsKey(this.keys, pool)];
    const args: (string | number)[] = [
      this.#id,
      JSON.stringify(batch.writer),
      batch.seq,
      batch.writer.atMs,
      KEEP_SECONDS * 1000,
    ];
    for (const write of batch.writes) {
      redisKeys.push(this.#keyOf(pool, write));
      args.push(write.target === 'totals' ? 0 : KEEP_SECONDS, write.increments.size);
      for (const [field, amount] of write.increments) args.push(field, amount);
    }
    await flushScript(this.redis, redisKeys, args);
  }

  #keyOf(pool: string, write: BatchWrite): string {
    switch (write.target) {
      case 'arrivals':
        return arrivalsKey(this.keys, pool, write.startSecond);
      case 'ended':
        return latencyKey(this.keys, pool, write.startSecond);
      case 'outputs':
        return outputsKey(this.keys, pool, write.startSecond);
      case 'totals':
        return totalsKey(this.keys, pool);
    }
  }
}
