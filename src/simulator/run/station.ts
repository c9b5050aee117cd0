import type { Standing } from '../../admission/deadline.js';
import { STARVED_TAKES } from '../../admission/standing.js';
import { checkTakes } from './invariants.js';
import type { SimJob } from './job.js';
import { JobQueue } from './job-queue.js';
import type { SimWorker } from './worker.js';

/** What a station does with a request that a worker could begin. */
export interface StationRules {
  take(worker: SimWorker, job: SimJob, nowMs: number): void;
  /** Where the request belongs; null: plain deadline order, nothing stands aside. */
  judge: ((worker: SimWorker, job: SimJob, nowMs: number) => Standing) | null;
  /** A request predicted to miss its target; true: it is done with, and does not stand aside. */
  refuse(job: SimJob, nowMs: number): boolean;
  /** From a request's acceptance until its first token is due, ms. */
  dueMs: number;
  /** A request that stood aside goes before all others after so long, ms. */
  lateBoundMs: number;
}

/**
 * One queue and the workers that pull from it. A worker with room and nothing to take stands in line; the one that
 * has stood longest gets the next request, as Redis serves the client that has blocked longest.
 */
export class Station {
  readonly queue: JobQueue;
  #line: SimWorker[] = [];
  #takes = 0;

  constructor(
    resolutionMs: number,
    nowMs: number,
    private readonly rules: StationRules,
  ) {
    this.queue = new JobQueue(resolutionMs, nowMs, rules.dueMs);
  }

  /** Hands the request to the first in line, which is returned, or lets it wait: null. */
  dispatch(job: SimJob, nowMs: number): SimWorker | null {
    const worker = this.queue.size === 0 ? this.#first() : undefined;
    if (worker === undefined) {
      this.queue.push(job, 'onTime', nowMs);
      return null;
    }
    this.#give(worker, job, nowMs);
    this.offer(worker, nowMs);
    return worker;
  }

  /** Lets a worker take what it has room for; with room left it stands in line. Its next moment may have changed then. */
  offer(worker: SimWorker, nowMs: number): void {
    let room = worker.hasRoom;
    while (room && this.queue.size > 0) {
      const job = this.#starved(nowMs) ?? this.#next(worker, nowMs);
      if (job === undefined) break;
      this.#give(worker, job, nowMs);
      room = worker.hasRoom;
    }
    if (room === worker.inLine) return;
    worker.inLine = room;
    if (room) this.#line.push(worker);
    else this.#line.splice(this.#line.indexOf(worker), 1);
  }

  /** One in so many takes is of the request that has stood aside longest, once its bound has passed. */
  #starved(nowMs: number): SimJob | undefined {
    if (this.#takes < STARVED_TAKES) return undefined;
    const job = this.queue.firstLate;
    if (job === undefined || nowMs - job.acceptedMs < this.rules.lateBoundMs) return undefined;
    this.#takes = 0;
    return this.queue.popLate();
  }

  /** The first in order, once those that cannot make their target stand behind. */
  #next(worker: SimWorker, nowMs: number): SimJob | undefined {
    const { judge, refuse } = this.rules;
    while (judge !== null && this.queue.size > this.queue.late) {
      const job = this.queue.pop();
      if (job === undefined || judge(worker, job, nowMs) === 'onTime') return job;
      if (!refuse(job, nowMs)) this.queue.push(job, 'late', nowMs);
    }
    return this.queue.pop();
  }

  #give(worker: SimWorker, job: SimJob, nowMs: number): void {
    checkTakes(worker);
    this.#takes++;
    this.rules.take(worker, job, nowMs);
  }

  #first(): SimWorker | undefined {
    for (let worker = this.#line.shift(); worker !== undefined; worker = this.#line.shift()) {
      worker.inLine = false;
      if (worker.serves) return worker;
    }
    return undefined;
  }
}
