import { textOf } from '../contract/openai.js';
import type { EndFrame, TokenFrame } from '../contract/reply.js';
import { entriesOf, type Outcome, type RoutedRequest } from '../contract/request.js';
import { TokenAssembler } from '../queues/assembler.js';

export interface TokenHandlers {
  /** New tokens, each once, in order. */
  onTokens?(frame: TokenFrame): void;
}

/** Reads tokens of a request from its journal in a pool. */
export type JournalReader = (pool: string, from: number) => Promise<string[]>;

/** A request that a client waits for: puts its stream together and knows when it was last heard of. */
export class PendingRequest {
  readonly done: Promise<Outcome>;
  lastHeardMs: number;
  readonly #assembler = new TokenAssembler();
  readonly #handlers: TokenHandlers[] = [];
  readonly #tokens: string[] = [];
  #resolve: (outcome: Outcome) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #refuse: ((error: Error) => void) | undefined;
  /** Frames are taken one after the other: filling a gap waits for Redis. */
  #work: Promise<void> = Promise.resolve();
  #busy = 0;
  #ended = false;

  constructor(
    /** Another pool's after the request was relegated. */
    public routed: RoutedRequest,
    private readonly journal: JournalReader,
    nowMs: number,
  ) {
    this.lastHeardMs = nowMs;
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.done.catch(() => {}); // who waits hears of it; nobody has to wait
  }

  /** Every token delivered so far; grows until `done`. */
  get delivered(): readonly string[] {
    return this.#tokens;
  }

  /** Adds a listener; tokens that were delivered before it came are given to it first, without their times. */
  listen(handlers: TokenHandlers | undefined): void {
    if (handlers?.onTokens === undefined) return;
    if (this.#tokens.length > 0) {
      const { id } = this.routed;
      const atMs = this.#tokens.map(() => 0);
      handlers.onTokens({ type: 'tokens', id, index: 0, tokens: [...this.#tokens], atMs, workerId: '' });
    }
    this.#handlers.push(handlers);
  }

  tokens(frame: TokenFrame, nowMs: number): void {
    this.lastHeardMs = nowMs;
    if (this.#busy === 0) {
      const assembled = this.#assembler.accept(frame);
      if (assembled.kind === 'deliver') this.#deliver(assembled.frame);
      if (assembled.kind !== 'gap') return;
    }
    this.#queue(() => this.#takeFrame(frame));
  }

  end(frame: EndFrame): void {
    if (this.#busy === 0) {
      this.#takeOnly(frame.outcome);
      if (this.#complete(frame.outcome)) {
        this.#finish(frame.outcome);
        return;
      }
    }
    this.#queue(async () => {
      this.#takeOnly(frame.outcome);
      await this.#fillToEnd(frame.outcome);
      this.#finish(frame.outcome);
    });
  }

  /** Fetches tokens that the reply channel should have brought. */
  catchUp(): void {
    this.#queue(() => this.#fill());
  }

  /** Resolves with the work that makes the request durable; rejects with its error or with that of `fail`. */
  accepting<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#refuse = reject;
      work.then((accepted) => {
        this.#refuse = undefined;
        resolve(accepted);
      }, reject);
    });
  }

  /** Not durable yet. */
  get isAccepting(): boolean {
    return this.#refuse !== undefined;
  }

  fail(error: Error): void {
    this.#refuse?.(error);
    if (this.#ended) return;
    this.#ended = true;
    this.#reject(error);
  }

  #queue(step: () => Promise<void>): void {
    this.#busy++;
    this.#work = this.#work
      .then(step)
      .catch((error: unknown) => this.fail(error instanceof Error ? error : new Error(String(error))))
      .finally(() => {
        this.#busy--;
      });
  }

  async #takeFrame(frame: TokenFrame): Promise<void> {
    let assembled = this.#assembler.accept(frame);
    if (assembled.kind === 'gap') {
      await this.#fill();
      assembled = this.#assembler.accept(frame);
    }
    if (assembled.kind === 'deliver') this.#deliver(assembled.frame);
  }

  async #fill(): Promise<void> {
    const from = this.#assembler.next;
    const tokens = await this.journal(this.routed.pool, from);
    if (tokens.length > 0) this.#take(from, tokens);
  }

  #take(index: number, tokens: string[]): void {
    const at = Date.now();
    const frame: TokenFrame = {
      type: 'tokens',
      id: this.routed.id,
      index,
      tokens,
      atMs: tokens.map(() => at),
      workerId: '',
    };
    const assembled = this.#assembler.accept(frame);
    if (assembled.kind === 'deliver') this.#deliver(assembled.frame);
  }

  /** A single token is in no journal: it is the whole text. */
  #takeOnly(outcome: Outcome): void {
    if (outcome.kind !== 'completed' || this.#assembler.next > 0) return;
    const { id, text, firstTokenAtMs, workerId } = outcome.result;
    if (entriesOf(outcome.result) !== 1) return;
    const only: TokenFrame = {
      type: 'tokens',
      id,
      index: 0,
      tokens: [text],
      atMs: [firstTokenAtMs],
      workerId,
    };
    const assembled = this.#assembler.accept(only);
    if (assembled.kind === 'deliver') this.#deliver(assembled.frame);
  }

  #complete(outcome: Outcome): boolean {
    return outcome.kind !== 'completed' || this.#assembler.next >= entriesOf(outcome.result);
  }

  async #fillToEnd(outcome: Outcome): Promise<void> {
    if (outcome.kind !== 'completed' || this.#complete(outcome)) return;
    await this.#fill();
    if (this.#complete(outcome)) return;
    // The journal is gone (kept for a limited time): the rest of the text comes as one piece.
    const heard = textOf(this.#tokens).length;
    const missing = entriesOf(outcome.result) - this.#assembler.next;
    const rest = outcome.result.text.slice(heard);
    this.#take(this.#assembler.next, [rest, ...Array.from({ length: missing - 1 }, () => '')]);
  }

  #deliver(frame: TokenFrame): void {
    for (const token of frame.tokens) this.#tokens.push(token);
    for (const handlers of this.#handlers) handlers.onTokens?.(frame);
  }

  #finish(outcome: Outcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#resolve(outcome);
  }
}
