import type { Redis } from 'ioredis';
import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import type { RequestFacts } from '../contract/request.js';
import type { Keys } from '../queues/keys.js';
import { PoolRouter } from './pool-router.js';

/** The routers of all pools, and which of them has a request. */
export class PoolRouters {
  readonly #all = new Map<string, PoolRouter>();

  constructor(
    private readonly config: Config,
    private readonly redis: Redis,
    private readonly keys: Keys,
  ) {
    for (const pool of Object.values(config.pools))
      this.#all.set(pool.name, new PoolRouter(pool, config, redis, keys));
  }

  /** Requests of former pools are found and cancelled by the pool's name alone: the rest of a pool is of no use there. */
  addFormer(names: readonly string[]): void {
    const [any] = Object.values(this.config.pools);
    if (any === undefined) return;
    for (const name of names)
      this.#all.set(name, new PoolRouter({ ...any, name }, this.config, this.redis, this.keys));
  }

  of(pool: string): PoolRouter {
    const router = this.#all.get(pool);
    if (router === undefined) throw new SluiceError('internal', `no pool named ${pool}`);
    return router;
  }

  /** Of a pool that left the configuration; undefined: it is configured, or never was. */
  former(pool: string): PoolRouter | undefined {
    return Object.hasOwn(this.config.pools, pool) ? undefined : this.#all.get(pool);
  }

  /** The pool that has a request; undefined: none. @param first where it is thought to be or to have been */
  async find(id: string, first: string | null): Promise<PoolRouter | undefined> {
    if (first !== null && Object.hasOwn(this.config.pools, first)) return this.#whereNow(id, this.of(first));
    for (const router of this.#all.values()) {
      if ((await router.lookup(id)).state !== 'missing') return this.#whereNow(id, router);
    }
    return undefined;
  }

  /** Keeps the deadline epochs of the configured pools fresh; see `PoolRouter.maintain`. */
  async maintain(nowMs: () => number, settle: () => Promise<void>): Promise<void> {
    for (const pool of Object.keys(this.config.pools)) await this.of(pool).maintain(nowMs(), settle);
  }

  /** Ends what waits beyond its time in any pool; see `PoolRouter.expire`. */
  async expire(nowMs: () => number): Promise<RequestFacts[]> {
    return (await Promise.all([...this.#all.values()].map((router) => router.expire(nowMs)))).flat();
  }

  async close(): Promise<void> {
    await Promise.all([...this.#all.values()].map((router) => router.close()));
  }

  /** The last pool that a request was moved to and has reached. */
  async #whereNow(id: string, router: PoolRouter): Promise<PoolRouter> {
    const next = this.#all.get((await router.movedTo(id)) ?? '');
    if (next === undefined || (await next.lookup(id)).state === 'missing') return router;
    return this.#whereNow(id, next);
  }
}
