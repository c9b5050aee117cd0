/** Called when a slot's time has come. */
export type Handler = (nowMs: number) => void;

/**
 * The one list of what happens next: a binary heap of slots, each with a handler and a time that may move. Equal times
 * go by slot number, so that the same inputs give the same order. Most slots move again and again (a worker's next
 * event, the next arrival); `once` lends one for a single call.
 */
export class EventHeap {
  readonly #handlers: (Handler | undefined)[] = [];
  readonly #times: number[] = [];
  /** Place of each slot in the heap; -1: it waits for nothing. */
  readonly #places: number[] = [];
  readonly #heap: number[] = [];
  readonly #free: number[] = [];
  /** Whose handler runs and has not set it anew; it keeps its place at the top meanwhile. */
  #fired = -1;

  /** A slot that waits for nothing yet. */
  slot(handler: Handler): number {
    const slot = this.#free.pop() ?? this.#handlers.length;
    this.#handlers[slot] = handler;
    this.#times[slot] = Number.POSITIVE_INFINITY;
    this.#places[slot] = -1;
    return slot;
  }

  /** Gives a slot back. */
  drop(slot: number): void {
    this.set(slot, Number.POSITIVE_INFINITY);
    this.#handlers[slot] = undefined;
    this.#free.push(slot);
  }

  /** Calls `handler` once at `atMs`. */
  once(atMs: number, handler: Handler): void {
    const slot = this.slot((nowMs) => {
      this.drop(slot);
      handler(nowMs);
    });
    this.set(slot, atMs);
  }

  timeOf(slot: number): number {
    return this.#times[slot] ?? Number.POSITIVE_INFINITY;
  }

  /** Moves a slot; Infinity: it waits for nothing. */
  set(slot: number, atMs: number): void {
    if (slot === this.#fired) this.#fired = -1;
    const before = this.#times[slot] ?? Number.POSITIVE_INFINITY;
    if (before === atMs) return;
    this.#times[slot] = atMs;
    const place = this.#places[slot] ?? -1;
    if (atMs === Number.POSITIVE_INFINITY) {
      if (place >= 0) this.#remove(slot, place);
    } else if (place < 0) {
      this.#heap.push(slot);
      this.#up(slot, this.#heap.length - 1);
    } else if (atMs < before) this.#up(slot, place);
    else this.#down(slot, place);
  }

  /** Time of the first slot; Infinity: nothing waits. */
  get nextMs(): number {
    const first = this.#heap[0];
    return first === undefined ? Number.POSITIVE_INFINITY : (this.#times[first] ?? Number.POSITIVE_INFINITY);
  }

  /** Calls the first slot's handler, which sets the slot anew if it wants to be called again. */
  fire(): void {
    const slot = this.#heap[0];
    if (slot === undefined) return;
    this.#fired = slot;
    this.#handlers[slot]?.(this.#times[slot] ?? 0);
    if (this.#fired === slot) this.set(slot, Number.POSITIVE_INFINITY);
  }

  #remove(slot: number, place: number): void {
    this.#places[slot] = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === slot) return;
    this.#up(last, place);
    this.#down(last, this.#places[last] ?? place);
  }

  #up(slot: number, from: number): void {
    const heap = this.#heap;
    const at = this.#times[slot] ?? 0;
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above] ?? 0;
      const time = this.#times[parent] ?? 0;
      if (time < at || (time === at && parent < slot)) break;
      heap[place] = parent;
      this.#places[parent] = place;
      place = above;
    }
    heap[place] = slot;
    this.#places[slot] = place;
  }

  #down(slot: number, from: number): void {
    const heap = this.#heap;
    const at = this.#times[slot] ?? 0;
    const size = heap.length;
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= size) break;
      let child = heap[below] ?? 0;
      let time = this.#times[child] ?? 0;
      const other = heap[below + 1];
      if (other !== undefined) {
        const otherTime = this.#times[other] ?? 0;
        if (otherTime < time || (otherTime === time && other < child)) {
          below++;
          child = other;
          time = otherTime;
        }
      }
      if (at < time || (at === time && slot < child)) break;
      heap[place] = child;
      this.#places[child] = place;
      place = below;
    }
    heap[place] = slot;
    this.#places[slot] = place;
  }
}
