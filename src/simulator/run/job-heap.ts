import type { SimJob } from './job.js';

/** Orders of arrival are below this, priorities below 2^21: both are exact in one number. */
const MOST_ORDERS = 2 ** 32;

/**
 * Waiting requests, lowest BullMQ priority first, among equals in order of arrival. Both make one number that lies beside
 * the request, so that finding a place reads no request.
 */
export class JobHeap {
  readonly #jobs: SimJob[] = [];
  readonly #keys: number[] = [];

  get size(): number {
    return this.#jobs.length;
  }

  get first(): SimJob | undefined {
    return this.#jobs[0];
  }

  push(job: SimJob, priority: number, order: number): void {
    this.#push(job, priority * MOST_ORDERS + order);
  }

  /** Gives all of them the priorities that `priorityOf` says; their order of arrival stays. */
  restate(priorityOf: (job: SimJob) => number): void {
    const jobs = this.#jobs.splice(0);
    const keys = this.#keys.splice(0);
    for (const [place, job] of jobs.entries())
      this.push(job, priorityOf(job), (keys[place] ?? 0) % MOST_ORDERS);
  }

  pop(): SimJob | undefined {
    const first = this.#jobs[0];
    const last = this.#jobs.pop();
    const key = this.#keys.pop();
    if (last !== undefined && key !== undefined && last !== first) this.#down(last, key);
    return first;
  }

  #push(job: SimJob, key: number): void {
    const jobs = this.#jobs;
    const keys = this.#keys;
    let place = jobs.length;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = jobs[above];
      const other = keys[above];
      if (parent === undefined || other === undefined || other < key) break;
      jobs[place] = parent;
      keys[place] = other;
      place = above;
    }
    jobs[place] = job;
    keys[place] = key;
  }

  #down(job: SimJob, key: number): void {
    const jobs = this.#jobs;
    const keys = this.#keys;
    const size = jobs.length;
    let place = 0;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= size) break;
      let least = keys[below] ?? 0;
      if (below + 1 < size) {
        const other = keys[below + 1] ?? 0;
        if (other < least) {
          least = other;
          below++;
        }
      }
      const child = jobs[below];
      if (child === undefined || key < least) break;
      jobs[place] = child;
      keys[place] = least;
      place = below;
    }
    jobs[place] = job;
    keys[place] = key;
  }
}
