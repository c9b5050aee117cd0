/** What lies at some later moment, given out in order of time; of equal times what came first goes first. */
export class TimeHeap<T extends { atSeconds: number }> {
  readonly #heap: { item: T; order: number }[] = [];
  #orders = 0;

  push(item: T): void {
    const heap = this.#heap;
    const entry = { item, order: this.#orders++ };
    let place = heap.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || before(parent, entry)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = entry;
  }

  /** Takes out all that lies before a moment. */
  *until(atSeconds: number): Generator<T> {
    for (
      let first = this.#heap[0];
      first !== undefined && first.item.atSeconds < atSeconds;
      first = this.#heap[0]
    ) {
      this.#pop();
      yield first.item;
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      let child = heap[below];
      const other = heap[below + 1];
      if (child !== undefined && other !== undefined && before(other, child)) {
        child = other;
        below++;
      }
      if (child === undefined || before(last, child)) break;
      heap[place] = child;
      place = below;
    }
    heap[place] = last;
  }
}

interface Entry {
  item: { atSeconds: number };
  order: number;
}

function before(a: Entry, b: Entry): boolean {
  return a.item.atSeconds < b.item.atSeconds || (a.item.atSeconds === b.item.atSeconds && a.order < b.order);
}
