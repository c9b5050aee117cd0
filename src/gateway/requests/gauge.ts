import type { Redis } from 'ioredis';
import type { Config, PoolConfig } from '../../config/types.js';
import type { Keys } from '../../queues/keys.js';
import { readEnded } from '../../telemetry/observe.js';
import { livingWorkers, roleCounts } from '../../telemetry/workers.js';

/** A reading is used for so long: what it tells moves slowly, and is asked with each request. */
const FRESH_MS = 500;
const WINDOW_SECONDS = 60;
const MS = 1000;

/** What a pool serves now, by its own telemetry. */
export interface PoolGauge {
  /** Requests that wait. */
  waiting: number;
  /** Workers that serve whole requests or decode. */
  ready: number;
  starting: number;
  /** Requests completed a second over the last minute; null: none was. */
  perSecond: number | null;
  /** Mean seconds from a request's first token to its end; null: none ended. */
  decodeSeconds: number | null;
}

/** Reads the pools' gauges, each at most twice a second. */
export class Gauges {
  readonly #read = new Map<string, { atMs: number; gauge: Promise<PoolGauge> }>();

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly config: Config,
    private readonly now: () => number,
  ) {}

  of(pool: PoolConfig): Promise<PoolGauge> {
    const known = this.#read.get(pool.name);
    const nowMs = this.now();
    if (known !== undefined && nowMs - known.atMs < FRESH_MS) return known.gauge;
    const gauge = this.#measure(pool, nowMs);
    this.#read.set(pool.name, { atMs: nowMs, gauge });
    gauge.catch(() => this.#read.delete(pool.name));
    return gauge;
  }

  async #measure({ name }: PoolConfig, nowMs: number): Promise<PoolGauge> {
    const { redis, keys } = this;
    const queue = (queueName: string) => `${keys.poolPrefix(name)}:${queueName}:prioritized`;
    const [decode, prefill, beats, ended] = await Promise.all([
      redis.zcard(queue(keys.decodeQueue(name))),
      redis.zcard(queue(keys.prefillQueue(name))),
      redis.hvals(keys.heartbeats(name)),
      readEnded(redis, keys, name, nowMs, WINDOW_SECONDS),
    ]);
    const { ready, starting } = roleCounts(
      livingWorkers(beats, nowMs, this.config.worker.leaseSeconds),
      'vllm',
    );
    const { completed, osl, itlUs } = ended.counters;
    const measured = completed > 0;
    return {
      waiting: decode + prefill,
      ready,
      starting,
      perSecond: measured ? completed / WINDOW_SECONDS : null,
      decodeSeconds: measured ? (itlUs / completed / MS / MS) * (osl / completed) : null,
    };
  }
}
