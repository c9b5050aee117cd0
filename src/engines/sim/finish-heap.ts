import type { Sequence } from './sequence.js';
import type { SimRequest } from './types.js';

/**
 * Binary heap of sequences by `finishStep`, then arrival. The keys lie beside the sequences, in arrays of their own, so that
 * finding a place reads no sequence.
 */
export class FinishHeap<R extends SimRequest> {
  /** In order of the heap. */
  readonly sequences: Sequence<R>[] = [];
  readonly #steps: number[] = [];
  readonly #arrivals: number[] = [];

  /** The lowest `finishStep`; Infinity when empty. */
  get firstStep(): number {
    return this.#steps[0] ?? Number.POSITIVE_INFINITY;
  }

  push(sequence: Sequence<R>): void {
    this.#up(sequence, sequence.finishStep, sequence.arrival, this.sequences.length);
  }

  /** Takes out the first. */
  pop(): Sequence<R> | undefined {
    const first = this.sequences[0];
    if (first !== undefined) this.#removeAt(0);
    return first;
  }

  /** Takes out any one; looks through all. */
  remove(sequence: Sequence<R>): void {
    const index = this.sequences.indexOf(sequence);
    if (index >= 0) this.#removeAt(index);
  }

  #removeAt(index: number): void {
    const last = this.sequences.pop();
    const step = this.#steps.pop();
    const arrival = this.#arrivals.pop();
    if (last === undefined || step === undefined || arrival === undefined) return;
    if (index === this.sequences.length) return;
    this.#down(last, step, arrival, this.#up(last, step, arrival, index));
  }

  /** Returns where it came to. */
  #up(sequence: Sequence<R>, step: number, arrival: number, from: number): number {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      if (!this.#isBefore(step, arrival, above)) break;
      this.#move(above, index);
      index = above;
    }
    this.#put(sequence, step, arrival, index);
    return index;
  }

  #down(sequence: Sequence<R>, step: number, arrival: number, from: number): void {
    const size = this.sequences.length;
    let index = from;
    for (;;) {
      let below = 2 * index + 1;
      if (below >= size) break;
      const other = below + 1;
      if (other < size && this.#isBefore(this.#steps[other] ?? 0, this.#arrivals[other] ?? 0, below))
        below = other;
      if (this.#isBefore(step, arrival, below)) break;
      this.#move(below, index);
      index = below;
    }
    this.#put(sequence, step, arrival, index);
  }

  #isBefore(step: number, arrival: number, index: number): boolean {
    const other = this.#steps[index] ?? 0;
    return step < other || (step === other && arrival < (this.#arrivals[index] ?? 0));
  }

  #move(from: number, to: number): void {
    const sequence = this.sequences[from];
    if (sequence !== undefined) this.#put(sequence, this.#steps[from] ?? 0, this.#arrivals[from] ?? 0, to);
  }

  #put(sequence: Sequence<R>, step: number, arrival: number, index: number): void {
    this.sequences[index] = sequence;
    this.#steps[index] = step;
    this.#arrivals[index] = arrival;
  }
}
