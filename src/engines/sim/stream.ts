import type { EngineRequest, TokenBatch } from '../engine.js';
import { placeholderToken } from './placeholder.js';
import { promptHashes, textHash } from './prompt-hashes.js';
import type { SimRequest } from './types.js';

/**
 * One request in the live engine: what the core sees of it, and the iterator its consumer waits on. Tokens that come
 * while the consumer is busy gather into one batch.
 */
export class TokenStream implements SimRequest, AsyncIterator<TokenBatch> {
  readonly id: string;
  readonly isl: number;
  readonly maxTokens: number;
  readonly emitted: number;
  readonly phase: EngineRequest['phase'];
  readonly hashes: readonly number[];
  /** Called once at the end, however it came. */
  onEnd: () => void = () => {};
  readonly #textHash: number;
  #batch: TokenBatch = { tokens: [], atMs: [] };
  #ended = false;
  #failure: { reason: unknown } | null = null;
  #waiter: {
    resolve: (result: IteratorResult<TokenBatch>) => void;
    reject: (reason: unknown) => void;
  } | null = null;

  constructor(
    request: EngineRequest,
    seed: number,
    prefixCache: boolean,
    /** Called when the consumer stops early. */
    private readonly onReturn: () => void,
  ) {
    this.id = request.id;
    this.isl = request.isl;
    this.maxTokens = request.maxTokens;
    this.emitted = request.emitted.length;
    this.phase = request.phase;
    this.hashes = prefixCache
      ? promptHashes(request.prompt, seed).slice(0, Math.floor(request.isl / 16))
      : [];
    this.#textHash = textHash(request.id, seed);
  }

  /** Adds a token; `flush` hands it to the consumer. */
  push(index: number, atMs: number): void {
    this.#batch.tokens.push(placeholderToken(this.#textHash, index));
    this.#batch.atMs.push(atMs);
  }

  end(): void {
    this.#ended = true;
    this.onEnd();
  }

  /** Drops what was not consumed and rejects the consumer with `reason`. */
  fail(reason: unknown): void {
    if (this.#ended) return;
    this.#failure = { reason };
    this.end();
    this.#batch = { tokens: [], atMs: [] };
    this.flush();
  }

  /** Wakes the consumer if it waits for what is here now. */
  flush(): void {
    const waiter = this.#waiter;
    if (!waiter) return;
    if (this.#batch.tokens.length > 0) waiter.resolve({ done: false, value: this.#take() });
    else if (this.#failure) waiter.reject(this.#failure.reason);
    else if (this.#ended) waiter.resolve({ done: true, value: undefined });
    else return;
    this.#waiter = null;
  }

  next(): Promise<IteratorResult<TokenBatch>> {
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.flush();
    });
  }

  return(): Promise<IteratorResult<TokenBatch>> {
    if (!this.#ended) this.onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  #take(): TokenBatch {
    const batch = this.#batch;
    this.#batch = { tokens: [], atMs: [] };
    return batch;
  }
}
