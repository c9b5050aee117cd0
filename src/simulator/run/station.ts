import type { Standing } from '../../admission/deadline.js';
import { checkTakes } from './invariants.js';
import type { SimJob } from './job.js';
import { JobQueue } from './job-queue.js';
import type { SimWorker } from './worker.js';

/**
 * One queue and the workers that pull from it. A worker with room and nothing to take stands in line; the one that
 * has stood longest gets the next request, as Redis serves the client that has blocked longest.
 */
export class Station {
  readonly queue: JobQueue;
  #line: SimWorker[] = [];

  constructor(
    resolutionMs: number,
    nowMs: number,
    private readonly take: (worker: SimWorker, job: SimJob, nowMs: number) => void,
  ) {
    this.queue = new JobQueue(resolutionMs, nowMs);
  }

  /** Hands the request to the first in line, or lets it wait. */
  dispatch(job: SimJob, nowMs: number, standing: Standing = 'onTime'): void {
    const worker = this.queue.size === 0 ? this.#first() : undefined;
    if (worker === undefined) this.queue.push(job, standing, nowMs);
    else {
      this.#give(worker, job, nowMs);
      this.offer(worker, nowMs);
    }
  }

  /** Lets a worker take what it has room for; with room left it stands in line. */
  offer(worker: SimWorker, nowMs: number): void {
    let room = worker.hasRoom;
    while (room && this.queue.size > 0) {
      const job = this.queue.pop();
      if (job !== undefined) this.#give(worker, job, nowMs);
      room = worker.hasRoom;
    }
    if (room === worker.inLine) return;
    worker.inLine = room;
    if (room) this.#line.push(worker);
    else this.#line.splice(this.#line.indexOf(worker), 1);
  }

  #give(worker: SimWorker, job: SimJob, nowMs: number): void {
    checkTakes(worker);
    this.take(worker, job, nowMs);
  }

  #first(): SimWorker | undefined {
    for (let worker = this.#line.shift(); worker !== undefined; worker = this.#line.shift()) {
      worker.inLine = false;
      if (worker.serves) return worker;
    }
    return undefined;
  }
}
