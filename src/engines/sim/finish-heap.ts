import type { Sequence } from './sequence.js';
import type { SimRequest } from './types.js';

/** Binary heap of sequences by `finishStep`, then arrival; a sequence knows its place, so it can be taken out anywhere. */
export class FinishHeap<R extends SimRequest> {
  readonly #heap: Sequence<R>[] = [];

  peek(): Sequence<R> | undefined {
    return this.#heap[0];
  }

  push(sequence: Sequence<R>): void {
    this.#heap.push(sequence);
    this.#up(sequence, this.#heap.length - 1);
  }

  remove(sequence: Sequence<R>): void {
    const index = sequence.heapIndex;
    const last = this.#heap.pop();
    sequence.heapIndex = -1;
    if (!last || last === sequence) return;
    this.#up(last, index);
    this.#down(last, last.heapIndex);
  }

  #up(sequence: Sequence<R>, from: number): void {
    let index = from;
    while (index > 0) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above];
      if (!parent || !before(sequence, parent)) break;
      this.#put(parent, index);
      index = above;
    }
    this.#put(sequence, index);
  }

  #down(sequence: Sequence<R>, from: number): void {
    let index = from;
    for (;;) {
      const left = 2 * index + 1;
      let child = this.#heap[left];
      let at = left;
      const right = this.#heap[left + 1];
      if (child && right && before(right, child)) {
        child = right;
        at = left + 1;
      }
      if (!child || !before(child, sequence)) break;
      this.#put(child, index);
      index = at;
    }
    this.#put(sequence, index);
  }

  #put(sequence: Sequence<R>, index: number): void {
    this.#heap[index] = sequence;
    sequence.heapIndex = index;
  }
}

function before<R extends SimRequest>(a: Sequence<R>, b: Sequence<R>): boolean {
  return a.finishStep < b.finishStep || (a.finishStep === b.finishStep && a.arrival < b.arrival);
}
