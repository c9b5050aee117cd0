import type { ServerResponse } from 'node:http';
import { changes } from './delta.js';

/** A reader that took nothing for so long is cut off; its page comes back with the last id that it has. */
const STUCK_MS = 60_000;

/** A value with its place in the sequence of all of them. */
export interface Numbered {
  id: string;
  value: object;
}

/** The text of an event; `from` null: the whole value. */
export function eventText(from: Numbered | null, to: Numbered): string {
  const [name, data] = from === null ? ['whole', to.value] : ['delta', changes(from.value, to.value)];
  return `id: ${to.id}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

/**
 * One page's stream. At most one event is in flight: while the page (or its network) is slow nothing is written, and
 * what comes next is one delta from what it has to what is then. So a slow reader costs no more than a fast one.
 */
export class Reader {
  #has: Numbered | null;
  #full = false;
  #writtenMs: number;

  /** @param has what the page has already; null: nothing that is still known here. */
  constructor(
    private readonly response: ServerResponse,
    has: Numbered | null,
    private readonly now: () => number,
  ) {
    this.#has = has;
    this.#writtenMs = now();
    response.on('drain', () => {
      this.#full = false;
    });
  }

  /** Bytes that wait for the network. */
  get waiting(): number {
    return this.response.writableLength;
  }

  /**
   * Brings the page up to `to`, unless it is slow.
   * @param textOf the event from one value to another; the same for all readers that are up to date
   */
  offer(to: Numbered, textOf: (from: Numbered | null, to: Numbered) => string): void {
    if (this.response.writableEnded || this.response.destroyed) return;
    if (this.#full) {
      if (this.now() - this.#writtenMs > STUCK_MS) this.response.destroy();
      return;
    }
    const text = textOf(this.#has, to);
    this.#has = to;
    this.#writtenMs = this.now();
    this.#full = !this.response.write(text);
  }

  end(): void {
    if (!this.response.writableEnded) this.response.end();
  }
}
