import type { SimJob } from './job.js';

/** Waiting requests, lowest BullMQ priority first, among equals in order of arrival. */
export class JobHeap {
  readonly #heap: SimJob[] = [];

  get size(): number {
    return this.#heap.length;
  }

  get first(): SimJob | undefined {
    return this.#heap[0];
  }

  push(job: SimJob): void {
    const heap = this.#heap;
    let place = heap.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || before(parent, job)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = job;
  }

  pop(): SimJob | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (last !== undefined && last !== first) this.#down(last);
    return first;
  }

  takeAll(): SimJob[] {
    return this.#heap.splice(0);
  }

  #down(job: SimJob): void {
    const heap = this.#heap;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      let child = heap[below];
      const other = heap[below + 1];
      if (child !== undefined && other !== undefined && before(other, child)) {
        child = other;
        below++;
      }
      if (child === undefined || before(job, child)) break;
      heap[place] = child;
      place = below;
    }
    heap[place] = job;
  }
}

function before(a: SimJob, b: SimJob): boolean {
  return a.priority < b.priority || (a.priority === b.priority && a.order < b.order);
}
