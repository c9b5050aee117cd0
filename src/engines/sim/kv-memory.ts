import { PrefixCache } from './prefix-cache.js';
import { blocksFor, type Sequence } from './sequence.js';
import { BLOCK_TOKENS, type SimRequest } from './types.js';

/**
 * The paged KV memory: full runs of a hashed prompt are entries of the prefix cache, shared by reference; all other
 * blocks are private to one sequence and only counted.
 */
export class KvMemory<R extends SimRequest> {
  readonly #cache = new PrefixCache();
  readonly #entryBlocks: number;
  #private = 0;

  constructor(
    readonly totalBlocks: number,
    readonly spanTokens: number,
  ) {
    this.#entryBlocks = spanTokens / BLOCK_TOKENS;
  }

  /** Blocks that can be had now; cached blocks that nobody refers to count as free. */
  get free(): number {
    return this.totalBlocks - this.used;
  }
  get used(): number {
    return this.#private + this.#cache.referenced * this.#entryBlocks;
  }
  /** Blocks held, a shared one counted once for each holder. */
  get held(): number {
    return this.#private + this.#cache.references * this.#entryBlocks;
  }

  /** Takes private blocks; the caller has checked `free`. */
  take(blocks: number): void {
    this.#private += blocks;
    while (this.#private + this.#cache.size * this.#entryBlocks > this.totalBlocks) {
      if (!this.#cache.evictOldest()) throw new RangeError('KV memory taken beyond its size');
    }
  }

  /**
   * Refers the sequence to the cached runs at the start of its prompt, leaving at least one token to compute.
   * Returns the tokens found.
   */
  attach(sequence: Sequence<R>): number {
    const { hashes } = sequence.request;
    const most = Math.min(hashes.length, Math.floor((sequence.target - 1) / this.spanTokens));
    while (sequence.cached.length < most) {
      const slot = this.#cache.find(hashes[sequence.cached.length] ?? Number.NaN);
      if (slot < 0) break;
      this.#cache.retain(slot);
      sequence.cached.push(slot);
    }
    return sequence.cached.length * this.spanTokens;
  }

  /** Moves the runs that the sequence has computed in full into the cache, or onto an equal run already there. */
  publish(sequence: Sequence<R>): void {
    const { hashes } = sequence.request;
    const most = Math.min(hashes.length, Math.floor(sequence.context / this.spanTokens));
    while (sequence.cached.length < most) {
      const hash = hashes[sequence.cached.length] ?? Number.NaN;
      const slot = this.#cache.find(hash);
      if (slot >= 0) this.#cache.retain(slot);
      this.#private -= this.#entryBlocks;
      sequence.cached.push(slot >= 0 ? slot : this.#cache.insert(hash));
    }
  }

  /** Blocks of `tokens` tokens of the sequence beyond the cached runs it refers to. */
  privateBlocks(sequence: Sequence<R>, tokens: number): number {
    return blocksFor(tokens) - sequence.cached.length * this.#entryBlocks;
  }

  /** Frees everything of a sequence that holds `tokens` tokens, the prompt's end first so that it is evicted first. */
  release(sequence: Sequence<R>, tokens: number): void {
    this.#private -= this.privateBlocks(sequence, tokens);
    for (let slot = sequence.cached.pop(); slot !== undefined; slot = sequence.cached.pop()) {
      this.#cache.release(slot);
    }
  }
}
