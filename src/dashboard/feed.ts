import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { eventText, type Numbered, Reader } from './reader.js';

/** Values to which a page may come back with their id. */
const REMEMBERED = 120;

/** Sends a value that changes to any number of pages, as server-sent events: whole at first, then as deltas. */
export class Feed {
  readonly #readers = new Set<Reader>();
  /** Ids of another gateway, or of this one before it was started again, mean nothing here. */
  readonly #era = randomUUID().slice(0, 8);
  readonly #past: Numbered[] = [];
  #count = 0;
  #cached: { from: Numbered | null; to: Numbered; text: string } | undefined;

  constructor(private readonly now: () => number) {}

  get readers(): number {
    return this.#readers.size;
  }

  /** Bytes that wait for slow readers. */
  get waiting(): number {
    return [...this.#readers].reduce((sum, reader) => sum + reader.waiting, 0);
  }

  /** Sends a new value to everyone. It must not be changed afterwards. */
  publish(value: object): void {
    this.#count++;
    const to = { id: `${this.#era}-${this.#count}`, value };
    this.#past.push(to);
    if (this.#past.length > REMEMBERED) this.#past.shift();
    for (const reader of this.#readers) reader.offer(to, this.#textOf);
  }

  /**
   * Adds a page: its response gets the headers and what it lacks at once.
   * @param lastId the id of the last event that it has; undefined: none
   */
  add(response: ServerResponse, headers: Record<string, string>, lastId: string | undefined): void {
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    response.flushHeaders();
    const has = this.#past.find((past) => past.id === lastId) ?? null;
    const reader = new Reader(response, has, this.now);
    this.#readers.add(reader);
    response.once('close', () => this.#readers.delete(reader));
    const newest = this.#past.at(-1);
    if (newest !== undefined) reader.offer(newest, this.#textOf);
  }

  close(): void {
    for (const reader of this.#readers) reader.end();
  }

  /** Readers that are up to date, nearly all of them, get the same text: it is made once. */
  readonly #textOf = (from: Numbered | null, to: Numbered): string => {
    if (this.#cached?.from === from && this.#cached.to === to) return this.#cached.text;
    const text = eventText(from, to);
    this.#cached = { from, to, text };
    return text;
  };
}
