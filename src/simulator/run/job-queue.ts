import {
  type DeadlineScale,
  freshEpoch,
  needsRebase,
  priorityOf,
  type Standing,
  standingOf,
} from '../../admission/deadline.js';
import type { SimJob } from './job.js';

/**
 * A pool's queue: lowest BullMQ priority first, among equals the order of arrival, by the live arithmetic of deadlines,
 * standing and rebasing (admission/deadline.ts).
 */
export class JobQueue {
  readonly #heap: SimJob[] = [];
  readonly #scale: DeadlineScale;
  #orders = 0;
  /** Sums over the waiting: prompt tokens, all of them and those already prefilled; and how many of the latter. */
  tokens = 0;
  prefilledTokens = 0;
  prefilled = 0;

  constructor(resolutionMs: number, nowMs: number) {
    this.#scale = { resolutionMs, epochMs: freshEpoch(resolutionMs, nowMs) };
  }

  get size(): number {
    return this.#heap.length;
  }

  get first(): SimJob | undefined {
    return this.#heap[0];
  }

  push(job: SimJob, standing: Standing, nowMs: number): void {
    if (needsRebase(this.#scale, nowMs)) this.#rebase(nowMs);
    job.priority = priorityOf(job.deadlineMs, this.#scale, standing);
    job.order = this.#orders++;
    this.#count(job, 1);
    this.#up(job, this.#heap.length);
  }

  pop(): SimJob | undefined {
    const first = this.#heap[0];
    const last = this.#heap.pop();
    if (first === undefined || last === undefined) return undefined;
    if (last !== first) this.#down(last);
    this.#count(first, -1);
    return first;
  }

  #count(job: SimJob, by: 1 | -1): void {
    this.tokens += by * job.isl;
    if (job.phase !== 'decode') return;
    this.prefilledTokens += by * job.isl;
    this.prefilled += by;
  }

  #rebase(nowMs: number): void {
    this.#scale.epochMs = freshEpoch(this.#scale.resolutionMs, nowMs);
    const jobs = this.#heap.splice(0);
    for (const job of jobs) {
      job.priority = priorityOf(job.deadlineMs, this.#scale, standingOf(job.priority));
      this.#up(job, this.#heap.length);
    }
  }

  #up(job: SimJob, from: number): void {
    const heap = this.#heap;
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || before(parent, job)) break;
      heap[place] = parent;
      place = above;
    }
    heap[place] = job;
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
