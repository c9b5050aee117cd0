import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Keys } from './keys.js';
import type { PoolQueues } from './pool-queues.js';
import { luaScript } from './script.js';

const dueScript = luaScript(new URL('./lua/due.lua', import.meta.url));
const endScript = luaScript(new URL('./lua/end-waiting.lua', import.meta.url));

const idsReply = z.array(z.string());
const endReply = z.union([z.literal(0), z.literal(1), z.literal(2)]).transform((reply) => ENDS[reply]);
const ENDS = ['held', 'ended', 'gone'] as const;

/** One that was due and has not ended is looked at again after so long. */
const AGAIN_MS = 2_000;
/** Most of those that run, and that wait, which are looked at in one go. */
const LOOKS = 1_000;
const AT_ONCE = 100;

/** What waits in one pool: when it expires, and how it ends there. */
export class Waiting {
  readonly #expiries: string;

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly queues: PoolQueues,
  ) {
    this.#expiries = keys.expiries(queues.pool);
  }

  /** Notes when a request expires (Unix ms), before it is added and again after. */
  async expires(id: string, atMs: number): Promise<void> {
    await this.redis.zadd(this.#expiries, atMs, id);
  }

  /** Ids of requests whose time is over and that no worker holds: each is given to one caller, and in 2 s to the next. */
  async due(nowMs: number): Promise<string[]> {
    const { decode, prefill } = this.queues;
    const queues = [decode.toKey(''), prefill.toKey('')];
    const reply = await dueScript(
      this.redis,
      [this.#expiries],
      [nowMs, nowMs + AGAIN_MS, LOOKS, AT_ONCE, ...queues],
    );
    return idsReply.parse(reply);
  }

  /**
   * Ends a request if no worker holds it. @param record how it ended, kept for `keepSeconds`
   * @returns `ended`: now, by this call; `gone`: it has ended before, or is not there
   */
  async end(id: string, record: string, keepSeconds: number): Promise<'ended' | 'held' | 'gone'> {
    const { decode, prefill, pool } = this.queues;
    const keys = [decode.toKey(id), prefill.toKey(id), this.keys.end(pool, id), this.#expiries];
    const kept = Math.max(1, Math.round(keepSeconds));
    const args = [id, record, kept, decode.toKey(''), prefill.toKey('')];
    return endReply.parse(await endScript(this.redis, keys, args));
  }
}
