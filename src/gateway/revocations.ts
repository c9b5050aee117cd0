import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { revocationSchema } from '../contract/api-key.js';
import { parseJson } from '../contract/reply.js';
import { connect } from '../queues/connection.js';
import type { Keys } from '../queues/keys.js';
import type { SluiceClient } from '../scheduler/client.js';
import { findKey } from '../tenants/key-store.js';
import { keyRevoked } from '../tenants/limits.js';
import type { Caller } from './caller.js';
import type { KeyCache } from './key-cache.js';

const LOOK_MS = 1_000;

/** A request whose answer a caller waits for at this gateway. */
export interface Hold {
  /** Never resolves. Rejects with `unauthorized` once the caller's key is revoked. */
  revoked: Promise<never>;
  /** Nobody waits any more. */
  release: () => void;
}

/**
 * Ends what revoked keys have in hand, waiting or running, wherever it came in, and cuts off those who wait for it, and for
 * requests of other keys, which go on. A revocation is published; each second the keys with requests here are looked at too, in case that
 * word was lost.
 */
export class Revocations {
  readonly #subscriber: Redis;
  readonly #timer: NodeJS.Timeout;
  /** By key, how to cut off those who wait for a request at this gateway. */
  readonly #held = new Map<string, Set<() => void>>();

  constructor(
    redisUrl: string,
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly client: SluiceClient,
    private readonly known: KeyCache,
    private readonly log: Logger,
  ) {
    this.#subscriber = connect(redisUrl, 'subscriber');
    this.#subscriber.on('message', (_channel: string, text: string) => {
      const message = revocationSchema.safeParse(parseJson(text)).data;
      if (message !== undefined) void this.#revoked(message.key);
    });
    this.#subscriber.subscribe(keys.revocations()).catch(() => {});
    this.#timer = setInterval(() => void this.#look().catch(() => {}), LOOK_MS);
  }

  /** The caller waits for a request, its own or one of another key of its tenant, until `release` is called. */
  hold({ key }: Caller): Hold {
    let cut = () => {};
    const revoked = new Promise<never>((_, reject) => {
      cut = () => reject(keyRevoked());
    });
    revoked.catch(() => {}); // nobody has to listen
    if (key === null) return { revoked, release: () => {} };
    const held = this.#held.get(key.id) ?? new Set();
    this.#held.set(key.id, held);
    held.add(cut);
    const release = () => {
      held.delete(cut);
      if (held.size === 0 && this.#held.get(key.id) === held) this.#held.delete(key.id);
    };
    return { revoked, release };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#subscriber.disconnect();
  }

  async #look(): Promise<void> {
    for (const id of this.#held.keys()) {
      const key = await findKey(this.redis, this.keys, id);
      if (key === undefined || key.revokedAtMs !== null) await this.#revoked(id);
    }
  }

  async #revoked(key: string): Promise<void> {
    this.known.forget(key);
    try {
      for (const cut of this.#held.get(key) ?? []) cut();
      const ids = await this.redis.zrange(this.keys.tenants('open', key), 0, '-1');
      await Promise.all(ids.map((id) => this.client.cancel(id)));
      if (ids.length > 0)
        this.log.info({ key, requests: ids.length }, 'key revoked; its requests are cancelled');
    } catch (error) {
      this.log.warn({ key, err: error }, 'requests of a revoked key');
    }
  }
}
