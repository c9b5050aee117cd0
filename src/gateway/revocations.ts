import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { revocationSchema } from '../contract/api-key.js';
import { parseJson } from '../contract/reply.js';
import { connect } from '../queues/connection.js';
import type { Keys } from '../queues/keys.js';
import type { SluiceClient } from '../scheduler/client.js';
import { findKey } from '../tenants/key-store.js';
import type { KeyCache } from './key-cache.js';

const LOOK_MS = 1_000;

/**
 * Ends what revoked keys have in hand, waiting or running, wherever it came in. A revocation is published; each second
 * the keys with requests here are looked at too, in case that word was lost.
 */
export class Revocations {
  readonly #subscriber: Redis;
  readonly #timer: NodeJS.Timeout;
  /** Requests of this gateway by key. */
  readonly #open = new Map<string, number>();

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

  /** A request of this key is in hand until `done` is called. */
  hold(key: string): () => void {
    this.#open.set(key, (this.#open.get(key) ?? 0) + 1);
    return () => {
      const left = (this.#open.get(key) ?? 1) - 1;
      if (left === 0) this.#open.delete(key);
      else this.#open.set(key, left);
    };
  }

  close(): void {
    clearInterval(this.#timer);
    this.#subscriber.disconnect();
  }

  async #look(): Promise<void> {
    for (const id of this.#open.keys()) {
      const key = await findKey(this.redis, this.keys, id);
      if (key === undefined || key.revokedAtMs !== null) await this.#revoked(id);
    }
  }

  async #revoked(key: string): Promise<void> {
    this.known.forget(key);
    try {
      const ids = await this.redis.zrange(this.keys.tenants('open', key), 0, '-1');
      await Promise.all(ids.map((id) => this.client.cancel(id)));
      if (ids.length > 0)
        this.log.info({ key, requests: ids.length }, 'key revoked; its requests are cancelled');
    } catch (error) {
      this.log.warn({ key, err: error }, 'requests of a revoked key');
    }
  }
}
