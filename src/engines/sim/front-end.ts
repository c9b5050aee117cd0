import type { Sequence } from './sequence.js';
import type { SimRequest } from './types.js';

/**
 * Requests between their submission and the engine's scheduler: HTTP, tokenizing, hand-over between processes. Each
 * spends the same time here and none holds up another, so they leave in order of arrival.
 */
export class FrontEnd<R extends SimRequest> {
  readonly #inside: Sequence<R>[] = [];

  constructor(readonly latencyMs: number) {}

  get size(): number {
    return this.#inside.length;
  }

  /** When the first is through, ms; Infinity: nobody inside, or not before the engine is started. */
  nextMs(): number {
    return this.#inside[0]?.untilMs ?? Number.POSITIVE_INFINITY;
  }

  /** `fromMs` never goes back; Infinity: from a later `restart`. Returns when the sequence is through, ms. */
  enter(sequence: Sequence<R>, fromMs: number): number {
    sequence.state = 'front-end';
    sequence.untilMs = fromMs + this.latencyMs;
    this.#inside.push(sequence);
    return sequence.untilMs;
  }

  /** Takes the first out if it is through at `atMs`. */
  leave(atMs: number): Sequence<R> | undefined {
    return this.nextMs() <= atMs ? this.#inside.shift() : undefined;
  }

  remove(sequence: Sequence<R>): void {
    const at = this.#inside.indexOf(sequence);
    if (at >= 0) this.#inside.splice(at, 1);
  }

  /** The engine begins to listen at `fromMs`: all inside begin then. */
  restart(fromMs: number): void {
    for (const sequence of this.#inside) sequence.untilMs = fromMs + this.latencyMs;
  }
}
