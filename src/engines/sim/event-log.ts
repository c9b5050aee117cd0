import type { SimEvent, SimRequest } from './types.js';

/** An event in the log; `index` only of tokens. */
export interface LoggedEvent<R extends SimRequest> {
  type: SimEvent<R>['type'];
  request: R;
  index: number;
  atMs: number;
}

/** What has happened in an engine, in order of time. Its entries are filled again and again: take out what you keep. */
export class EventLog<R extends SimRequest> {
  readonly #entries: LoggedEvent<R>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(type: LoggedEvent<R>['type'], request: R, index: number, atMs: number): void {
    const entry = this.#entries[this.#size];
    if (entry === undefined) this.#entries.push({ type, request, index, atMs });
    else {
      entry.type = type;
      entry.request = request;
      entry.index = index;
      entry.atMs = atMs;
    }
    this.#size++;
  }

  /** The k-th event, from 0; null: there are fewer. */
  at(k: number): Readonly<LoggedEvent<R>> | null {
    return k < this.#size ? (this.#entries[k] ?? null) : null;
  }

  clear(): void {
    this.#size = 0;
  }

  /** Takes all events out, as objects of their own. */
  take(): SimEvent<R>[] {
    const events = this.#entries
      .slice(0, this.#size)
      .map(({ type, request, index, atMs }) =>
        type === 'token' ? { type, request, index, atMs } : { type, request, atMs },
      );
    this.clear();
    return events;
  }
}
