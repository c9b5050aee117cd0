import { StringDecoder } from 'node:string_decoder';
import { SluiceError } from '../../contract/errors.js';

/** No event of a token is so long, log probabilities and all. */
const MOST_CHARACTERS = 1024 * 1024;
/** A stream may begin with one, which is no part of its first line. */
const BYTE_ORDER_MARK = '\ufeff';

/** Names under which what is sent counts whatever it is; others, such as `ping`, may be no part of the answer. */
const COUNTS = new Set(['', 'message', 'error']);

/**
 * Takes an event stream apart (HTML standard, server-sent events, but for a lone CR as the end of a line): bytes in,
 * the data of each event out. Errors: `engine_protocol` on an event beyond a million characters.
 */
export class SseParser {
  readonly #decoder = new StringDecoder('utf8');
  #rest = '';
  #data: string | null = null;
  #begun = false;
  #name = '';

  /** @param isWanted whether the data of an event of another name than `message` and `error` is passed on. */
  constructor(private readonly isWanted: (data: string) => boolean = () => true) {}

  push(bytes: Uint8Array): string[] {
    let text = this.#rest + this.#decoder.write(bytes);
    if (!this.#begun && text !== '') {
      this.#begun = true;
      if (text.startsWith(BYTE_ORDER_MARK)) text = text.slice(1);
    }
    const events: string[] = [];
    let from = 0;
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', from)) {
      const end = at > from && text[at - 1] === '\r' ? at - 1 : at;
      this.#line(text, from, end, events);
      from = at + 1;
    }
    this.#rest = from === 0 ? text : text.slice(from);
    if (this.#rest.length + (this.#data?.length ?? 0) > MOST_CHARACTERS) {
      throw new SluiceError('engine_protocol', 'the engine sent an event of more than a million characters');
    }
    return events;
  }

  #line(text: string, from: number, end: number, events: string[]): void {
    if (from === end) {
      if (this.#data !== null && (COUNTS.has(this.#name) || this.isWanted(this.#data)))
        events.push(this.#data);
      this.#data = null;
      this.#name = '';
    } else if (text.startsWith('event:', from)) this.#name = text.slice(from + 6, end).trim();
    else if (text.startsWith('data:', from)) {
      const value = text.slice(from + (text[from + 5] === ' ' ? 6 : 5), end);
      this.#data = this.#data === null ? value : `${this.#data}\n${value}`;
    }
  }
}
