import type { Readable } from 'node:stream';
import { SluiceError } from '../../contract/errors.js';
import { readToken } from '../../contract/openai.js';
import type { TokenBatch } from '../engine.js';
import { type AnswerReader, isDone, isOfAnswer } from './answer-reader.js';
import { SseParser } from './sse.js';

/** After an answer's end the engine may take so long to close it, for usage and for the connection's next use. */
const CLOSING_MS = 2_000;

export interface AttemptOptions {
  reader: AnswerReader;
  /** What the answer must begin with: it was emitted before. */
  repeated: readonly string[];
  firstTokenMs: number;
  gapMs: number;
  now: () => number;
}

/**
 * One request on its way: its tokens as they come. Tokens that come while the consumer is busy gather into one batch.
 * Ends in a failure when tokens do not come in time, or with what `fail` says.
 */
export class Attempt implements AsyncIterableIterator<TokenBatch> {
  readonly #sse = new SseParser(isOfAnswer);
  readonly #abort = new AbortController();
  #repeated = 0;
  #batch: TokenBatch = { tokens: [], atMs: [] };
  #state: 'open' | 'ended' | 'failed' = 'open';
  #failure: unknown;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout;
  #closing: NodeJS.Timeout | undefined;
  #streaming = false;

  /** @param send sends the request; its body is the stream. */
  constructor(
    private readonly options: AttemptOptions,
    send: (signal: AbortSignal) => Promise<Readable>,
  ) {
    this.#timer = setTimeout(() => this.#late(), options.firstTokenMs);
    send(this.#abort.signal).then(
      (body) => this.#read(body),
      (error: unknown) => this.fail(error),
    );
  }

  /** Ends it at once: the engine is told by the closed connection. What was not consumed is dropped. */
  fail(error: unknown): void {
    if (this.#state !== 'open') return;
    this.#state = 'failed';
    this.#failure = error;
    this.#batch = { tokens: [], atMs: [] };
    this.#settle();
    this.#abort.abort();
  }

  async next(): Promise<IteratorResult<TokenBatch>> {
    while (this.#batch.tokens.length === 0) {
      if (this.#state === 'failed') throw this.#failure;
      if (this.#state === 'ended') return { done: true, value: undefined };
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const value = this.#batch;
    this.#batch = { tokens: [], atMs: [] };
    return { done: false, value };
  }

  /** The consumer wants no more. */
  async return(): Promise<IteratorResult<TokenBatch>> {
    this.fail(new Error('not wanted any more'));
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #read(body: Readable): void {
    body.once('close', () => clearTimeout(this.#closing));
    body.on('data', (bytes: Buffer) => this.#guarded(() => this.#take(bytes)));
    body.on('end', () => this.#guarded(() => this.#finish(false)));
    body.on('error', (error) => this.#guarded(() => this.#broken(error)));
    // Destroyed by the abort before anybody listened.
    if (body.destroyed) this.#guarded(() => this.#broken(new Error('closed')));
  }

  #guarded(step: () => void): void {
    if (this.#state !== 'open') return;
    try {
      step();
    } catch (error) {
      this.fail(error);
    }
  }

  #take(bytes: Buffer): void {
    const { reader } = this.options;
    const before = this.#batch.tokens.length;
    const wasFinished = reader.finished;
    let done = false;
    for (const data of this.#sse.push(bytes)) {
      if (isDone(data)) {
        done = true;
        break;
      }
      for (const token of reader.read(data)) this.#add(token);
    }
    if (done) {
      this.#finish(true);
      return;
    }
    const more = this.#batch.tokens.length > before;
    // Once: what an engine goes on to send after its end does not lengthen it.
    if (reader.finished && !wasFinished) this.#restart(CLOSING_MS);
    else if (more && !reader.finished) this.#onTokens();
    if (more) this.#wakeUp();
  }

  #add(token: string): void {
    const { repeated, now } = this.options;
    if (this.#repeated < repeated.length) {
      if (!isSame(token, repeated[this.#repeated++] ?? '')) {
        throw new SluiceError(
          'cannot_continue',
          'the engine was lost in the middle of the answer, and another did not give the same tokens again',
        );
      }
      // A repeated token is a sign of life all the same.
      this.#onTokens();
      return;
    }
    this.#batch.tokens.push(token);
    this.#batch.atMs.push(now());
  }

  #onTokens(): void {
    if (this.#streaming) this.#timer.refresh();
    else {
      this.#streaming = true;
      this.#restart(this.options.gapMs);
    }
  }

  #restart(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#late(), ms);
  }

  #late(): void {
    this.#guarded(() => {
      if (this.options.reader.finished) this.#finish(false);
      else if (this.#streaming) throw failed(`no token for ${this.options.gapMs / 1000} s`);
      else throw failed(`no first token in ${this.options.firstTokenMs / 1000} s`);
    });
  }

  /** The connection broke: after the finish reason nothing that matters was lost. */
  #broken(error: Error): void {
    if (this.options.reader.finished) this.#finish(false);
    else throw failed(`its connection broke (${error.message})`);
  }

  #finish(done: boolean): void {
    this.#batch.tokens.push(this.options.reader.end(done));
    this.#batch.atMs.push(this.options.now());
    this.#state = 'ended';
    this.#settle();
    // Read to its end, the connection can be used again; one that does not end is closed.
    this.#closing = setTimeout(() => this.#abort.abort(), CLOSING_MS).unref();
  }

  #settle(): void {
    clearTimeout(this.#timer);
    this.#wakeUp();
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}

/** Whether a token came again. An engine gives the same call another id each time. */
function isSame(token: string, before: string): boolean {
  if (token === before) return true;
  const nameless = (text: string) =>
    JSON.stringify(readToken(text), (key, value) => (key === 'id' ? undefined : value));
  return nameless(token) === nameless(before);
}

function failed(what: string): SluiceError {
  return new SluiceError('engine_failed', `the engine failed: ${what}`);
}
