import type { Redis } from 'ioredis';
import { relegatedTo } from '../../admission/relegation.js';
import { poolsBelow } from '../../config/pools-below.js';
import type { Config, PoolConfig } from '../../config/types.js';
import type { MovedFrame } from '../../contract/reply.js';
import type { Moved, RoutedRequest } from '../../contract/request.js';
import type { Keys } from '../../queues/keys.js';
import type { Recorder } from '../../telemetry/recorder.js';
import { correctTurn } from '../../tenants/fair-share.js';
import { NOTHING } from '../../tenants/settlement.js';
import { PoolRouter } from '../pool-router.js';
import type { Run } from './run.js';

interface RelegationOptions {
  pool: PoolConfig;
  config: Config;
  redis: Redis;
  keys: Keys;
  recorder: Recorder;
  now: () => number;
}

/**
 * Sends a request that its pool would begin too late to the next pool of its model with a lower priority. It is recorded as
 * gone before the other pool has it, and its job here ends last: whoever takes the job again after a crash in between goes
 * on with the move, and the request's id keeps it from being there twice.
 */
export class Relegation {
  readonly #routers = new Map<string, PoolRouter>();

  constructor(private readonly options: RelegationOptions) {}

  /** Moves a request that has not begun. @param channels reply channels that follow it */
  async move(request: RoutedRequest, channels: Run['channels']): Promise<Moved> {
    const { config, pool, redis, recorder, now } = this.options;
    const [to] = poolsBelow(config, pool);
    if (to === undefined) throw new Error(`no pool below ${pool.name}`);
    const lower = relegatedTo(request, to);
    const target = this.#router(to);
    if (lower.owner !== undefined && request.share !== undefined)
      lower.share = await target.takeTurn({ ...lower, owner: lower.owner });
    await this.#router(pool).recordMove(request, to.name);
    const frame: MovedFrame = { type: 'moved', id: request.id, pool: to.name };
    // Who does not hear of it looks it up.
    for (const channel of channels) redis.publish(channel, JSON.stringify([frame])).catch(() => {});
    await target.dispatch(lower, now());
    await this.#leaveTurn(request);
    const atMs = now();
    recorder.arrival(to.name, atMs, request.isl);
    const wholeSeconds = Math.max(0, atMs - request.acceptedAtMs) / 1000;
    recorder.ended(pool.name, {
      kind: 'relegated',
      attained: false,
      wholeSeconds,
      isl: request.isl,
      osl: 0,
      atMs,
    });
    return { movedTo: to.name };
  }

  /** Goes on with a move that a worker did not end; undefined: there was none. */
  async goOn(request: RoutedRequest): Promise<Moved | undefined> {
    const { config, pool, now } = this.options;
    const name = await this.#router(pool).movedTo(request.id);
    const to = name === undefined ? undefined : config.pools[name];
    if (to === undefined) return undefined;
    await this.#router(to).dispatch(relegatedTo(request, to), now());
    return { movedTo: to.name };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#routers.values()].map((router) => router.close()));
  }

  async #leaveTurn({ owner, share, pool }: RoutedRequest): Promise<void> {
    if (owner === undefined || share === undefined) return;
    await correctTurn(this.options.redis, this.options.keys, pool, owner, share, NOTHING);
  }

  #router(pool: PoolConfig): PoolRouter {
    const { config, redis, keys } = this.options;
    let router = this.#routers.get(pool.name);
    if (router === undefined) {
      router = new PoolRouter(pool, config, redis, keys);
      this.#routers.set(pool.name, router);
    }
    return router;
  }
}
