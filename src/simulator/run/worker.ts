import { initialTransition, transition } from 'xstate';
import { type WorkerEvent, workerLifecycle } from '../../../machines/worker-lifecycle.js';
import type { Lease } from '../../contract/lease.js';
import type { Heartbeat } from '../../contract/worker.js';
import { SimCore } from '../../engines/sim/core.js';
import type { SimOptions } from '../../engines/sim/types.js';
import type { SimJob } from './job.js';

/** Weight of a new request in the running mean of KV tokens a request needs, as in the live worker. */
const KV_MEAN_WEIGHT = 0.05;

/**
 * One worker: the life cycle machine, the engine core, the requests that it holds, and the heartbeat that others see.
 * The core runs on a clock of its own, so that a slow GPU is a clock that goes slower.
 */
export class SimWorker {
  readonly core: SimCore<SimJob>;
  readonly held: SimJob[] = [];
  readonly startedMs: number;
  #life: ReturnType<typeof initialTransition<typeof workerLifecycle>>[0];
  /** Of the life cycle, kept at hand. */
  state: Heartbeat['state'];
  beat: Heartbeat | null = null;
  lastBeatMs: number;
  /** Stands in its pool's line of workers with room. */
  inLine = false;
  /** The process is gone, whether or not anybody knows. */
  dead = false;
  /** Its cold start will fail. */
  doomed = false;
  /** A draining worker's requests go back to the queue then. */
  drainDeadlineMs = Number.POSITIVE_INFINITY;
  /** Slots of the event heap: the core's next event, and the heartbeat. */
  slot = -1;
  beatSlot = -1;
  /** Of the core, when the pool last looked; and whether a request has ended here since. */
  roomChanges = 0;
  changed = false;
  #meanKvTokens: number;
  /** Of the slowdowns that last now. */
  readonly #factors: number[] = [];
  #factor = 1;
  #wallMs = 0;
  #coreMs = 0;

  constructor(
    readonly lease: Lease,
    readonly tp: number,
    options: SimOptions,
    meanKvTokens: number,
    nowMs: number,
  ) {
    this.core = new SimCore<SimJob>(options);
    this.startedMs = nowMs;
    this.lastBeatMs = nowMs;
    this.#meanKvTokens = meanKvTokens;
    this.#life = initialTransition(workerLifecycle, { now: nowMs })[0];
    this.state = this.#life.value;
  }

  get id(): string {
    return this.lease.workerId;
  }

  get readyMs(): number | null {
    return this.#life.context.readyAtMs;
  }

  get serves(): boolean {
    return this.state === 'ready' && !this.dead;
  }

  send(event: WorkerEvent): void {
    [this.#life] = transition(workerLifecycle, this.#life, event);
    this.state = this.#life.value;
  }

  /** Begins the cold start; returns when the engine will be ready. */
  start(nowMs: number): number {
    return this.wallOf(this.core.start(this.#clock(nowMs)));
  }

  /** From now on everything takes `factor` times as long as the profile says; of several the largest holds. */
  slow(factor: number, nowMs: number): void {
    this.#factors.push(factor);
    this.#changePace(nowMs);
  }

  /** One slowdown by `factor` is over; others may last. */
  recover(factor: number, nowMs: number): void {
    const at = this.#factors.indexOf(factor);
    if (at >= 0) this.#factors.splice(at, 1);
    this.#changePace(nowMs);
  }

  #changePace(nowMs: number): void {
    const coreMs = this.#clock(nowMs);
    this.#wallMs = nowMs;
    this.#coreMs = coreMs;
    this.#factor = this.#factors.length === 0 ? 1 : Math.max(...this.#factors);
  }

  /** May take one more request of usual size. */
  get hasRoom(): boolean {
    return this.serves && this.core.room(this.#meanKvTokens) > 0;
  }

  /** From now until the first token of a prompt that it would take now, ms. */
  firstTokenAfterMs(isl: number, nowMs: number): number {
    return this.#factor * this.core.firstTokenAfterMs(isl, this.#clock(nowMs));
  }

  /** A request was taken from the queue. */
  taken(job: SimJob): void {
    this.#meanKvTokens += KV_MEAN_WEIGHT * (job.isl + job.maxTokens - this.#meanKvTokens);
  }

  /** Errors: those of the core. */
  submit(job: SimJob, nowMs: number): void {
    job.handle = this.core.submit(job, this.#clock(nowMs));
    job.place = this.held.length;
    this.held.push(job);
  }

  /** The request is done with here. */
  release(job: SimJob): void {
    const last = this.held.pop();
    if (last !== undefined && last !== job) {
      this.held[job.place] = last;
      last.place = job.place;
    }
    if (job.handle !== null) this.core.forget(job.handle);
    job.handle = null;
  }

  /** Lets the core run until now; what happened stands in its log, at times of its own clock. */
  run(nowMs: number): void {
    this.core.run(this.#clock(nowMs));
  }

  nextMs(): number {
    const next = this.core.nextEventAt();
    if (next === null) return Number.POSITIVE_INFINITY;
    let wallMs = this.wallOf(next);
    // Rounding may put that a hair before the core's event, which would then be waited for again and again.
    for (let hair = Number.EPSILON * Math.max(1, wallMs); this.#clock(wallMs) < next; hair *= 2)
      wallMs += hair;
    return wallMs;
  }

  /** Takes back all that it holds, each with the tokens that it has made. */
  takeBack(nowMs: number): SimJob[] {
    const jobs = this.held.splice(0);
    for (const job of jobs) {
      if (job.handle === null) continue;
      this.core.cancel(job.handle, this.#clock(nowMs));
      job.emitted = job.handle.generated;
      job.handle = null;
    }
    return jobs;
  }

  /** Makes the heartbeat that others see from now on. */
  tell(nowMs: number): void {
    const { lease } = this;
    this.lastBeatMs = nowMs;
    this.beat = {
      workerId: lease.workerId,
      pool: lease.pool,
      role: lease.role,
      state: this.state,
      leaseId: lease.leaseId,
      host: lease.host,
      pid: 0,
      gpus: lease.gpus,
      tp: this.tp,
      load: this.readyMs === null ? null : this.core.load(),
      activeRequests: this.held.length,
      startedAtMs: this.startedMs,
      readyAtMs: this.readyMs,
      atMs: nowMs,
    };
  }

  #clock(wallMs: number): number {
    if (this.#factor === 1 && this.#coreMs === this.#wallMs) return wallMs;
    return this.#coreMs + (wallMs - this.#wallMs) / this.#factor;
  }

  /** A time of the core's clock on that of the run. */
  wallOf(coreMs: number): number {
    if (this.#factor === 1 && this.#coreMs === this.#wallMs) return coreMs;
    return this.#wallMs + (coreMs - this.#coreMs) * this.#factor;
  }
}
