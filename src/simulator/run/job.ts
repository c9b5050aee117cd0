import type { SimHandle } from '../../engines/sim/sequence.js';
import type { SimRequest } from '../../engines/sim/types.js';
import type { IntervalTally } from './series.js';
import type { JobEnd } from './tally.js';

/** Where a request is counted. */
interface JobHome {
  count(job: SimJob, end: JobEnd): void;
}

const NO_HASHES: readonly number[] = [];

/**
 * One simulated request, from its acceptance to its end: what the engine core needs of it and what the system keeps.
 * Jobs are used again after their end, so that a run of millions leaves nothing behind. Times are virtual ms.
 */
export class SimJob implements SimRequest {
  isl = 0;
  maxTokens = 0;
  emitted = 0;
  phase: SimRequest['phase'] = 'whole';
  hashes: readonly number[] = NO_HASHES;

  acceptedMs = 0;
  /** NaN: none yet. */
  firstTokenMs = Number.NaN;
  handle: SimHandle<SimJob> | null = null;
  /** Place in its worker's list. */
  place = -1;
  /** Open from acceptance to end. */
  open = false;
  /** The interval in which it came. */
  interval: IntervalTally | null = null;
  /** The pool that it was sent on from: it counts there. null: it is where it was sent to. */
  home: JobHome | null = null;
  /** Of those that `JobPool` has to lend. */
  next: SimJob | null = null;
}

/** Lends jobs and takes them back. */
export class JobPool {
  #free: SimJob | null = null;

  take(): SimJob {
    const job = this.#free ?? new SimJob();
    this.#free = job.next;
    job.emitted = 0;
    job.phase = 'whole';
    job.hashes = NO_HASHES;
    job.firstTokenMs = Number.NaN;
    job.open = true;
    return job;
  }

  give(job: SimJob): void {
    job.handle = null;
    job.interval = null;
    job.home = null;
    job.next = this.#free;
    this.#free = job;
  }
}
