import {
  type Job,
  type Processor,
  UnrecoverableError,
  WaitingError,
  Worker,
  type WorkerOptions,
} from 'bullmq';
import type { Redis } from 'ioredis';
import type { SluiceError } from '../contract/errors.js';
import { FetchAhead } from './fetch-ahead.js';
import { RunLocks } from './run-locks.js';
import { Rush } from './rush.js';

/**
 * A BullMQ worker whose room changes while it runs. BullMQ reads `concurrency` only when a job ends; when room grows
 * in between (a prefill backlog cleared), its main loop is woken through the queue it waits on, in the way that its
 * own `resume()` does it.
 */
export class PullWorker extends Worker {
  /** Called when this worker is done with a job, however that came, also when it could not tell Redis of its end. */
  onSettled: (job: Job) => void = () => {};
  readonly #locks: RunLocks;
  readonly #rush = new Rush();
  /** The last fetch brought a job. */
  #fetched = false;

  constructor(name: string, processor: Processor, options: WorkerOptions & { connection: Redis }) {
    const ahead = new FetchAhead();
    super(name, processor, options, ahead.factory);
    this.#locks = new RunLocks(this.lockManager);
    const next: unknown = Reflect.get(Worker.prototype, '_getNextJob');
    if (typeof next !== 'function') return;
    // BullMQ keeps this step of its main loop to itself; without it nothing is fetched ahead.
    Reflect.set(this, '_getNextJob', (token: string, ...rest: unknown[]) => {
      ahead.token = token;
      if (this.#fetched) this.#waitForNext();
      return Reflect.apply(next, this, [token, ...rest]);
    });
  }

  override async processJob(...args: Parameters<Worker['processJob']>): ReturnType<Worker['processJob']> {
    this.#rush.count(performance.now());
    this.#locks.hold(args[0].id ?? '', args[1]);
    try {
      return await super.processJob(...args);
    } finally {
      this.#release(args[0], args[1]);
      this.onSettled(args[0]);
    }
  }

  /** What a renewal on its way says of a processing that has ended since is no news of the next one. */
  override async extendJobLocks(ids: string[], tokens: string[], ms: number): Promise<string[]> {
    const lost = await super.extendJobLocks(ids, tokens, ms);
    return lost.filter((id) => this.#locks.holds(id, tokens[ids.indexOf(id)]));
  }

  protected override handleCompleted(
    ...args: Parameters<Worker['handleCompleted']>
  ): ReturnType<Worker['handleCompleted']> {
    this.#release(args[1], args[2]);
    return super.handleCompleted(...args);
  }

  protected override handleFailed(
    ...args: Parameters<Worker['handleFailed']>
  ): ReturnType<Worker['handleFailed']> {
    this.#release(args[1], args[2]);
    return super.handleFailed(...args);
  }

  /**
   * A fetched job begins at once. BullMQ's main loop would first fetch all that wait, one round trip each, before it begins
   * the first; it breaks that off while it has a time to wait for, which each fetch sets anew. Under load its way is less
   * work for each job.
   */
  protected override async moveToActive(...args: Parameters<Worker['moveToActive']>): Promise<Job> {
    const job = await super.moveToActive(...args);
    this.#fetched = job !== undefined && !this.#rush.isOn(performance.now());
    if (this.#fetched) Reflect.set(this, 'blockUntil', 1);
    return job;
  }

  /** After a job, the next is waited for: where one is there already it comes at once, by what was sent with the wait. */
  #waitForNext(): void {
    this.#fetched = false;
    Reflect.set(this, 'blockUntil', 0);
    Reflect.set(this, 'drained', true);
  }

  /** Its lock goes with its end. */
  #release(job: Job, token: string): void {
    this.#locks.release(job.id ?? '', token);
  }

  /** Sets how many jobs more than the `held` ones may be taken; one at least is taken when none is held. */
  setRoom(held: number, more: number): void {
    const wasFull = held >= this.concurrency;
    this.concurrency = Math.max(1, held + more);
    // A loop that is not full fetches by itself.
    if (wasFull && held < this.concurrency) this.#wake();
  }

  #wake(): void {
    const loop: unknown = Reflect.get(this, 'mainLoopQueue');
    if (typeof loop !== 'object' || loop === null) return;
    const add: unknown = Reflect.get(loop, 'add');
    if (typeof add === 'function') Reflect.apply(add, loop, [Promise.resolve()]);
  }
}

/** Ends a job for good with an error that the client reads back (`SluiceError.fromReason`). */
export function finalFailure(error: SluiceError): UnrecoverableError {
  return new UnrecoverableError(error.toReason());
}

/** Puts a taken job back to the front of its priority, as if it had not been taken. Always throws. */
export async function putBack(job: Job, token: string | undefined): Promise<never> {
  await job.moveToWait(token);
  throw new WaitingError();
}
