import type { ServerResponse } from 'node:http';
import type { SluiceError } from '../../contract/errors.js';
import { isPlain, readToken } from '../../contract/openai.js';
import type { RequestResult } from '../../contract/request.js';
import { errorBody } from '../errors.js';
import { DONE, event, type StreamFormat } from '../openai/format.js';

/** A client that has not taken so many bytes is waited for; tokens stay where they are meanwhile. */
const BUFFER_BYTES = 64 * 1024;
/** A comment on an idle stream keeps proxies from cutting it off. */
const KEEP_ALIVE_MS = 10_000;
/** A client that takes nothing for so long is cut off. */
const STUCK_MS = 60_000;
const KEEP_ALIVE = ': waiting\n\n';

/**
 * Writes the tokens of one answer as server-sent events, each once and in order, no faster than the client takes them.
 * Nothing is written before the first token (or ten seconds), so that a request that fails until then gets an HTTP
 * status of its own.
 */
export class EventStream {
  #next: number;
  readonly #numbered: boolean;
  #blocked = false;
  #begun = false;
  /** Nothing more is written: its end is, or it was dropped. */
  #over = false;
  #format: StreamFormat | undefined;
  readonly #timer: NodeJS.Timeout;
  #stuck: NodeJS.Timeout | undefined;

  constructor(
    private readonly response: ServerResponse,
    /** Asked for when the first event goes out: until then a request may be sent on to a lower level. */
    private readonly answer: () => { headers: Record<string, string>; format: StreamFormat },
    /** The tokens delivered so far; grows. */
    private readonly tokens: readonly string[],
    /** First token to send; each event then tells by its id how far it goes. */
    from?: number,
  ) {
    this.#numbered = from !== undefined;
    this.#next = from ?? 0;
    this.#timer = setInterval(() => this.#keepAlive(), KEEP_ALIVE_MS);
    this.#timer.unref();
    response.on('drain', () => {
      this.#blocked = false;
      clearTimeout(this.#stuck);
      this.write();
    });
    response.on('close', () => this.drop());
  }

  /** Whether the answer's status and headers are on their way. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Sends the tokens that are new. */
  write(): void {
    if (this.#over || this.#blocked || this.#next >= this.tokens.length) return;
    let out = this.#begun ? '' : this.#begin();
    const format = this.#format;
    if (format === undefined) return;
    let text = '';
    for (; this.#next < this.tokens.length && out.length + text.length < BUFFER_BYTES; this.#next++) {
      const token = this.tokens[this.#next] ?? '';
      if (isPlain(token)) {
        text += token;
        continue;
      }
      const detail = readToken(token);
      if (detail.end !== undefined) continue;
      if (text !== '') out += this.#id(this.#next) + format.text(text);
      text = '';
      out += this.#id(this.#next + 1) + format.detail(detail);
    }
    if (text !== '') out += this.#id(this.#next) + format.text(text);
    this.#send(out);
    if (!this.#blocked) this.write();
  }

  /** Ends the stream after the tokens that are left. Resolves when all is handed to the connection, or it is gone. */
  async complete(result: RequestResult, usage: boolean): Promise<void> {
    await this.#flushed();
    if (this.#over) return;
    let out = this.#begun ? '' : this.#begin();
    out += this.#format?.finish(result) ?? '';
    if (usage) out += this.#format?.usage(result) ?? '';
    this.#end(out + DONE);
  }

  /** Ends a stream that has begun with an error, which OpenAI's clients throw. */
  async fail(error: SluiceError): Promise<void> {
    await this.#flushed();
    this.cut(error);
  }

  /** The same at once, without the tokens that are left. */
  cut(error: SluiceError): void {
    this.#end(event(errorBody(error)));
  }

  /** Stops without a word. */
  drop(): void {
    this.#over = true;
    clearInterval(this.#timer);
    clearTimeout(this.#stuck);
  }

  async #flushed(): Promise<void> {
    this.write();
    while (this.#blocked && !this.#over && !this.response.destroyed) {
      await new Promise<void>((resolve) => {
        const go = () => {
          this.response.off('drain', go).off('close', go);
          resolve();
        };
        this.response.on('drain', go).on('close', go);
      });
      this.write();
    }
  }

  /** How far the next event goes, for a client that resumes. */
  #id(tokens: number): string {
    return this.#numbered ? `id: ${tokens}\n` : '';
  }

  #begin(): string {
    this.#begun = true;
    const { headers, format } = this.answer();
    this.#format = format;
    this.response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
    });
    // A client that resumes has had the beginning.
    return this.#numbered && this.#next > 0 ? '' : format.begin();
  }

  #send(out: string): void {
    if (out === '' || this.response.destroyed) return;
    this.response.write(out);
    this.#blocked = this.response.writableLength > BUFFER_BYTES;
    if (this.#blocked) this.#stuck = setTimeout(() => this.response.destroy(), STUCK_MS);
  }

  #end(out: string): void {
    clearInterval(this.#timer);
    if (this.#over) return;
    this.#over = true;
    if (!this.response.destroyed) this.response.end(out);
  }

  #keepAlive(): void {
    if (this.#blocked || this.response.destroyed) return;
    this.#send((this.#begun ? '' : this.#begin()) + KEEP_ALIVE);
  }
}
