import type { Sequence } from './sequence.js';
import type { SimRequest } from './types.js';

/**
 * Binary heap of sequences by `finishStep`, then arrival. The steps lie beside the sequences, in an array of their own, so
 * that finding a place reads no sequence but one that ends in the same step.
 */
export class FinishHeap<R extends SimRequest> {
  /** In order of the heap. */
  readonly sequences: Sequence<R>[] = [];
  readonly #steps: number[] = [];

  /** The lowest `finishStep`; Infinity when empty. */
  get firstStep(): number {
    return this.#steps[0] ?? Number.POSITIVE_INFINITY;
  }

  push(sequence: Sequence<R>): void {
    this.#up(sequence, this.sequences.length);
  }

  /** Takes out the first. */
  pop(): Sequence<R> | undefined {
    const first = this.sequences[0];
    const last = this.#last();
    if (last !== undefined && last !== first) this.#down(last, 0);
    return first;
  }

  /** Takes out any one; looks through all. */
  remove(sequence: Sequence<R>): void {
    const index = this.sequences.indexOf(sequence);
    if (index < 0) return;
    const last = this.#last();
    if (last !== undefined && last !== sequence) this.#down(last, this.#up(last, index));
  }

  #last(): Sequence<R> | undefined {
    this.#steps.pop();
    return this.sequences.pop();
  }

  /** Returns where it came to. */
  #up(sequence: Sequence<R>, from: number): number {
    const { sequences } = this;
    const steps = this.#steps;
    const step = sequence.finishStep;
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = sequences[above];
      const other = steps[above];
      if (parent === undefined || other === undefined || step > other) break;
      if (step === other && sequence.arrival > parent.arrival) break;
      sequences[index] = parent;
      steps[index] = other;
      index = above;
    }
    sequences[index] = sequence;
    steps[index] = step;
    return index;
  }

  #down(sequence: Sequence<R>, from: number): void {
    const { sequences } = this;
    const steps = this.#steps;
    const step = sequence.finishStep;
    let index = from;
    for (;;) {
      let below = 2 * index + 1;
      let child = sequences[below];
      let least = steps[below];
      if (child === undefined || least === undefined) break;
      const other = sequences[below + 1];
      const otherStep = steps[below + 1];
      if (other !== undefined && otherStep !== undefined)
        if (otherStep < least || (otherStep === least && other.arrival < child.arrival)) {
          below++;
          child = other;
          least = otherStep;
        }
      if (step < least || (step === least && sequence.arrival < child.arrival)) break;
      sequences[index] = child;
      steps[index] = least;
      index = below;
    }
    sequences[index] = sequence;
    steps[index] = step;
  }
}
