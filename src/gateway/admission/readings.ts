import type { Redis } from 'ioredis';
import type { Config, PoolConfig } from '../../config/types.js';
import type { Heartbeat } from '../../contract/worker.js';
import type { Keys } from '../../queues/keys.js';
import type { SluiceClient } from '../../scheduler/client.js';
import { endedCount, endFigures, meanLengths } from '../../telemetry/figures.js';
import { readEnded } from '../../telemetry/observe.js';
import { totalsKey } from '../../telemetry/slots.js';
import { engineWaitingTokens, livingWorkers } from '../../telemetry/workers.js';
import { promisesOf } from '../../tenants/promises.js';
import type { CapacityModels, Lengths } from './capacity.js';
import { Pace } from './pace.js';

/** A reading of the queue stands for so long; requests admitted here meanwhile are counted on top. */
const FRESH_MS = 100;
/** What moves slowly is read so often. */
const SLOW_MS = 2_000;
const WINDOW_SECONDS = 60;

/** A pool's queue and workers at one moment. */
export interface Reading {
  /** Unix ms at which the reading began. */
  atMs: number;
  /** Requests that wait, and of them those before one that came now with the pool's own target. */
  waiting: number;
  ahead: number;
  /** Requests that decode workers run. */
  running: number;
  workers: readonly Heartbeat[];
  /** Prompt tokens that engines have not computed yet. */
  engineTokens: number;
  /** Open promises to refused clients. */
  promises: number;
}

/** What moves slowly. */
export interface Slow {
  lengths: Lengths;
  /** Measured or configured, seconds. */
  coldStartSeconds: number;
  /** How fast workers are, as a share of what their profile says. */
  pace: number;
}

interface PoolState {
  reading: { atMs: number; value: Promise<Reading> } | undefined;
  slow: { atMs: number; value: Promise<Slow> } | undefined;
  readonly pace: Pace;
}

/** Reads what admission has to know of the pools, each at most ten times a second, and only while requests come. */
export class Readings {
  readonly #pools = new Map<string, PoolState>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly config: Config,
    private readonly client: SluiceClient,
    private readonly models: CapacityModels,
    private readonly now: () => number,
  ) {}

  of(pool: PoolConfig): Promise<Reading> {
    const state = this.#state(pool.name);
    const nowMs = this.now();
    if (state.reading === undefined || nowMs - state.reading.atMs >= FRESH_MS) {
      const value = this.#read(pool, nowMs);
      state.reading = { atMs: nowMs, value };
      value.then(
        ({ waiting, workers }) => state.pace.see(nowMs, waiting, readyOf(workers, 'vllm').length),
        () => {
          state.reading = undefined;
        },
      );
    }
    return state.reading.value;
  }

  slow(pool: PoolConfig): Promise<Slow> {
    const state = this.#state(pool.name);
    const nowMs = this.now();
    if (state.slow === undefined || nowMs - state.slow.atMs >= SLOW_MS) {
      const value = this.#readSlow(pool, nowMs);
      state.slow = { atMs: nowMs, value };
      value.catch(() => {
        state.slow = undefined;
      });
    }
    return state.slow.value;
  }

  async #read({ name, targets }: PoolConfig, atMs: number): Promise<Reading> {
    const { redis, keys, config, client } = this;
    const queue = (queueName: string, type: string) => `${keys.poolPrefix(name)}:${queueName}:${type}`;
    const [decode, prefill] = [keys.decodeQueue(name), keys.prefillQueue(name)];
    const [atDecode, atPrefill, ahead, running, beats, promises] = await Promise.all([
      redis.zcard(queue(decode, 'prioritized')),
      redis.zcard(queue(prefill, 'prioritized')),
      client.ahead(name, atMs + targets.ttftSeconds * 1000),
      redis.llen(queue(decode, 'active')),
      redis.hvals(keys.heartbeats(name)),
      promisesOf(redis, keys, name),
    ]);
    const workers = livingWorkers(beats, atMs, config.worker.leaseSeconds);
    return {
      atMs,
      waiting: atDecode + atPrefill,
      ahead,
      running,
      workers,
      engineTokens: engineWaitingTokens(workers),
      promises,
    };
  }

  async #readSlow({ name, expected, engine }: PoolConfig, nowMs: number): Promise<Slow> {
    const { redis, keys } = this;
    const [ended, totals] = await Promise.all([
      readEnded(redis, keys, name, nowMs, WINDOW_SECONDS),
      redis.hgetall(totalsKey(keys, name)),
    ]);
    const mean = meanLengths(ended);
    const lengths = { isl: mean.isl ?? expected.isl, osl: mean.osl ?? expected.osl };
    const { pace } = this.#state(name);
    const usual = this.models.get(name)?.of({ isl: lengths.isl, maxTokens: lengths.osl }, lengths);
    if (usual !== undefined) {
      const { firstTokenSeconds, decodeSeconds } = usual.own;
      const all = endedCount(endFigures([totals]));
      pace.count(nowMs, all, usual.rps, firstTokenSeconds + decodeSeconds);
    }
    const configured = engine.kind === 'noop' ? 1 : engine.coldStartSeconds;
    return {
      lengths,
      pace: pace.share,
      coldStartSeconds: totals.coldStartMs === undefined ? configured : Number(totals.coldStartMs) / 1000,
    };
  }

  #state(pool: string): PoolState {
    const known = this.#pools.get(pool);
    if (known !== undefined) return known;
    const state: PoolState = { reading: undefined, slow: undefined, pace: new Pace() };
    this.#pools.set(pool, state);
    return state;
  }
}

/** Workers of a role that serve. */
export function readyOf(workers: readonly Heartbeat[], role: Heartbeat['role']): Heartbeat[] {
  return workers.filter((worker) => worker.role === role && worker.state === 'ready');
}
