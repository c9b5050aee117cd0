import {
  type DeadlineScale,
  freshEpoch,
  needsRebase,
  priorityOf,
  type Standing,
} from '../../admission/deadline.js';
import type { SimJob } from './job.js';
import { JobHeap } from './job-heap.js';

/**
 * A pool's queue: lowest BullMQ priority first, among equals the order of arrival, by the live arithmetic of deadlines,
 * standing and rebasing (admission/deadline.ts). Those that stand aside have a heap of their own, so that the one
 * that waits longest can be found.
 */
export class JobQueue {
  readonly #onTime = new JobHeap();
  readonly #late = new JobHeap();
  readonly #scale: DeadlineScale;
  #orders = 0;
  /** Sums over the waiting: prompt tokens, all of them and those already prefilled; and how many of the latter. */
  tokens = 0;
  lateTokens = 0;
  prefilledTokens = 0;
  prefilled = 0;

  /** `dueMs`: from a request's acceptance until its first token is due. */
  constructor(
    resolutionMs: number,
    nowMs: number,
    private readonly dueMs: number,
  ) {
    this.#scale = { resolutionMs, epochMs: freshEpoch(resolutionMs, nowMs) };
  }

  get size(): number {
    return this.#onTime.size + this.#late.size;
  }

  /** Those of the waiting that stand aside. */
  get late(): number {
    return this.#late.size;
  }

  get first(): SimJob | undefined {
    return this.#onTime.first ?? this.#late.first;
  }

  /** Of those that stand aside, the one that was due first. */
  get firstLate(): SimJob | undefined {
    return this.#late.first;
  }

  push(job: SimJob, standing: Standing, nowMs: number): void {
    if (needsRebase(this.#scale, nowMs)) this.#rebase(nowMs);
    const priority = priorityOf(job.acceptedMs + this.dueMs, this.#scale, standing);
    this.#count(job, 1);
    if (standing === 'late') this.lateTokens += job.isl;
    (standing === 'late' ? this.#late : this.#onTime).push(job, priority, this.#orders++);
  }

  pop(): SimJob | undefined {
    const job = this.#onTime.pop();
    if (job === undefined) return this.popLate();
    this.#count(job, -1);
    return job;
  }

  popLate(): SimJob | undefined {
    const job = this.#late.pop();
    if (job === undefined) return undefined;
    this.#count(job, -1);
    this.lateTokens -= job.isl;
    return job;
  }

  #count(job: SimJob, by: 1 | -1): void {
    this.tokens += by * job.isl;
    if (job.phase !== 'decode') return;
    this.prefilledTokens += by * job.isl;
    this.prefilled += by;
  }

  #rebase(nowMs: number): void {
    this.#scale.epochMs = freshEpoch(this.#scale.resolutionMs, nowMs);
    const restated = (standing: Standing) => (job: SimJob) =>
      priorityOf(job.acceptedMs + this.dueMs, this.#scale, standing);
    this.#onTime.restate(restated('onTime'));
    this.#late.restate(restated('late'));
  }
}
