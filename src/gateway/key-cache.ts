import { timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '../contract/api-key.js';
import type { KeyParts } from '../tenants/secret.js';

/** A revoked key is known for so long at most, even if Redis could not tell of its revocation. */
const FRESH_MS = 500;
const MOST = 10_000;

/** Keys that were looked up a moment ago. What a key may do is decided in Redis with each request that it pays for. */
export class KeyCache {
  readonly #found = new Map<string, { key: ApiKey; atMs: number }>();

  constructor(
    private readonly read: (id: string) => Promise<ApiKey | undefined>,
    private readonly now: () => number,
  ) {}

  /** The key, if its secret is right. */
  async find({ id, hash }: KeyParts): Promise<ApiKey | undefined> {
    const known = this.#found.get(id);
    const fresh = known !== undefined && this.now() - known.atMs < FRESH_MS;
    const key = fresh ? known.key : await this.#look(id);
    return key !== undefined && timingSafeEqual(Buffer.from(key.hash), Buffer.from(hash)) ? key : undefined;
  }

  forget(id: string): void {
    this.#found.delete(id);
  }

  async #look(id: string): Promise<ApiKey | undefined> {
    const key = await this.read(id);
    this.#found.delete(id);
    if (key === undefined) return undefined;
    // The oldest goes first: a Map keeps the order in which keys were set.
    for (const oldest of this.#found.keys()) {
      if (this.#found.size < MOST) break;
      this.#found.delete(oldest);
    }
    this.#found.set(id, { key, atMs: this.now() });
    return key;
  }
}
