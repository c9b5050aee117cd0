import type { Standing } from '../../admission/deadline.js';
import { deadlinesOf } from '../../admission/limits.js';
import { standingAt } from '../../admission/standing.js';
import type { Config, PoolConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { PoolObservation } from '../../contract/observation.js';
import type { ScaleGrant } from '../../contract/scale.js';
import type { Heartbeat, WorkerRole } from '../../contract/worker.js';
import type { SimOptions } from '../../engines/sim/types.js';
import { observationOf } from '../../telemetry/build-observation.js';
import type { QueueDepth } from '../../telemetry/depth.js';
import { meanLengths } from '../../telemetry/figures.js';
import { living } from '../../telemetry/workers.js';
import { ROW_BLOCK_TOKENS } from '../traces/row.js';
import type { TimedRequest } from '../workload/arrivals.js';
import { placeOf } from './count-sketch.js';
import type { EventHeap } from './event-heap.js';
import { checkOpen } from './invariants.js';
import type { JobPool, SimJob } from './job.js';
import { PoolRecorder } from './recorder.js';
import type { Scaler } from './scaler.js';
import { PoolSeries } from './series.js';
import { Station, type StationRules } from './station.js';
import { type JobEnd, RunTally } from './tally.js';
import type { SimWorker } from './worker.js';

/** What the pools of one run share. */
export interface SharedParts {
  config: Config;
  heap: EventHeap;
  jobs: JobPool;
  /** A draining worker has nothing left to do. */
  onEmpty(worker: SimWorker, nowMs: number): void;
  /** The pool of the next lower level that may serve a pool's requests. */
  below(pool: PoolConfig): SimPool | undefined;
  /** A counted request ended. */
  onEnd?: ((end: Readonly<JobEnd>, pool: string) => void) | undefined;
}

/** One pool: its queues, its workers, what becomes of its requests, and what its planner sees of it. */
export class SimPool {
  readonly decode: Station;
  readonly prefill: Station;
  readonly workers: SimWorker[] = [];
  readonly tally = new RunTally();
  readonly series: PoolSeries;
  readonly #recorder: PoolRecorder;
  /** From a request's acceptance until its first token is due, and until it expires if it still waits; Infinity: never. */
  readonly #dueMs: number;
  readonly #expiryMs: number;
  readonly #end: JobEnd = {
    kind: 'completed',
    attained: false,
    atMs: 0,
    isl: 0,
    osl: 0,
    ttftSeconds: 0,
    ttftPlace: 0,
    itlSeconds: 0,
    itlPlace: -1,
  };
  /** Requests that have not ended, and those of them at workers. */
  open = 0;
  active = 0;
  /** When a request last ended or had its first token. */
  lastSignMs = 0;
  nextTickMs = 0;
  /** Requests accepted before are served and not counted. */
  countFromMs = 0;
  /** Workers started before this time die at the end of their cold start. */
  failingUntilMs = 0;
  #coldStartSeconds: number | null = null;
  /** Heartbeats as they stood when a telemetry gap began. */
  #frozenBeats: Heartbeat[] | null = null;
  /** Telemetry gaps that last now: what was frozen at the begin of the first stays so until the last has ended. */
  #gaps = 0;

  constructor(
    readonly config: PoolConfig,
    readonly options: Readonly<Record<WorkerRole, SimOptions>>,
    readonly scaler: Scaler,
    private readonly shared: SharedParts,
    nowMs: number,
  ) {
    const { planner, queues } = shared.config;
    this.#recorder = new PoolRecorder(nowMs, planner.windowSeconds);
    this.series = new PoolSeries(config.name, config.latencyPercentile / 100);
    const { deadlineMs, expiresAtMs } = deadlinesOf({}, config, 0);
    this.#dueMs = deadlineMs;
    this.#expiryMs = expiresAtMs ?? Number.POSITIVE_INFINITY;
    const rules: StationRules = {
      take: (worker, job, atMs) => this.#take(worker, job, atMs),
      judge: config.overload.policy === 'edf' ? null : (...args) => this.#judge(...args),
      refuse: (job, atMs) => this.#refuse(job, atMs),
      dueMs: deadlineMs,
      lateBoundMs: config.overload.lateBoundSeconds * 1000,
    };
    this.decode = new Station(queues.deadlineResolutionMs, nowMs, rules);
    this.prefill = new Station(queues.deadlineResolutionMs, nowMs, rules);
  }

  /** A request is accepted at `acceptedMs` and reaches the queue at `nowMs`. */
  accept(request: TimedRequest, acceptedMs: number, nowMs: number): void {
    const job = this.shared.jobs.take();
    const { isl, osl } = request;
    job.isl = isl;
    job.maxTokens = osl;
    job.acceptedMs = acceptedMs;
    const blocks = request.row?.blocks;
    if (blocks !== undefined && this.config.engine.kind === 'sim' && this.config.engine.prefixCache)
      job.hashes = isl % ROW_BLOCK_TOKENS === 0 ? blocks : blocks.slice(0, -1);
    if (acceptedMs >= this.countFromMs) {
      job.interval = this.series.arrival();
      this.tally.requests++;
      this.tally.workTokens += isl + osl;
    }
    this.open++;
    const { limits } = this.shared.config;
    if (isl > limits.maxPromptTokens || osl > limits.maxOutputTokens) {
      this.#ended(job, 'failed', acceptedMs, false);
      return;
    }
    this.#enter(job, acceptedMs, nowMs);
  }

  /** It is queued at `nowMs`; the pool's telemetry has it as an arrival at `seenMs`. */
  #enter(job: SimJob, seenMs: number, nowMs: number): void {
    this.#recorder.arrival(seenMs, job.isl);
    const { enabled, minPromptTokens } = this.config.disaggregation;
    if (enabled !== false && job.isl >= minPromptTokens && this.#prefillReady()) job.phase = 'prefill';
    this.dispatch(job, nowMs);
  }

  /** Puts a request, new or taken back from a worker, where a worker of its kind finds it. */
  dispatch(job: SimJob, nowMs: number): void {
    const worker = (job.phase === 'prefill' ? this.prefill : this.decode).dispatch(job, nowMs);
    if (worker !== null) this.schedule(worker);
  }

  /** The worker may have more room than before. */
  offer(worker: SimWorker, nowMs: number): void {
    (worker.lease.role === 'prefill' ? this.prefill : this.decode).offer(worker, nowMs);
    this.schedule(worker);
  }

  /** What happens at a worker's next moment. */
  step(worker: SimWorker, nowMs: number): void {
    this.#settle(worker, nowMs);
    if (worker.dead) return;
    const { roomChanges } = worker.core;
    const news = worker.changed || worker.roomChanges !== roomChanges;
    worker.changed = false;
    worker.roomChanges = roomChanges;
    if (worker.state === 'draining') {
      if (worker.held.length === 0) this.shared.onEmpty(worker, nowMs);
    } else if (news) (worker.lease.role === 'prefill' ? this.prefill : this.decode).offer(worker, nowMs);
    this.schedule(worker);
  }

  /** Takes all requests from a worker that ends. */
  takeBack(worker: SimWorker, nowMs: number): SimJob[] {
    this.#settle(worker, nowMs);
    const jobs = worker.takeBack(nowMs);
    this.active -= jobs.length;
    return jobs;
  }

  schedule(worker: SimWorker): void {
    if (!worker.dead) this.shared.heap.set(worker.slot, worker.nextMs());
  }

  /** From now on the planner sees no new telemetry, until there was a `thaw` for each `freeze`. */
  freeze(nowMs: number): void {
    if (this.#gaps++ > 0) return;
    this.#recorder.freeze(nowMs);
    this.#frozenBeats = this.#beats();
  }

  thaw(): void {
    if (--this.#gaps > 0) return;
    this.#recorder.thaw();
    this.#frozenBeats = null;
  }

  /** As the live planner does: what waits for a prefill worker while none is ready is served whole. */
  serveWhole(nowMs: number): void {
    if (this.config.disaggregation.enabled !== 'auto') return;
    const { queue } = this.prefill;
    if (queue.size === 0 || this.#prefillReady()) return;
    for (let job = queue.pop(); job !== undefined; job = queue.pop()) {
      job.phase = 'whole';
      this.dispatch(job, nowMs);
    }
  }

  /** What the pool's planner sees now. */
  observe(nowMs: number, grant: ScaleGrant | null, allocatorBeatMs: number): PoolObservation {
    const { config } = this.shared;
    const { writers, arrivals, prompts, ended } = this.#recorder.recorded(nowMs);
    const osl = meanLengths(ended).osl ?? this.config.expected.osl;
    const observation = observationOf(this.config, config, {
      nowMs,
      workers: living(this.#frozenBeats ?? this.#beats(), nowMs, config.worker.leaseSeconds),
      depth: this.#depth(osl, nowMs),
      writers,
      arrivals,
      prompts,
      ended,
      grant,
      allocatorBeatMs,
      knownColdStartSeconds: this.#coldStartSeconds,
    });
    this.#coldStartSeconds = observation.coldStartSeconds;
    return observation;
  }

  #beats(): Heartbeat[] {
    return this.workers.flatMap((worker) => worker.beat ?? []);
  }

  #depth(osl: number, nowMs: number): QueueDepth {
    const decode = this.decode.queue;
    const prefill = this.prefill.queue;
    const first = Math.min(
      decode.first?.acceptedMs ?? Number.POSITIVE_INFINITY,
      prefill.first?.acceptedMs ?? Number.POSITIVE_INFINITY,
    );
    return {
      prefillWaiting: prefill.size + decode.size - decode.prefilled,
      decodeWaiting: decode.prefilled,
      lateWaiting: prefill.late + decode.late,
      lateTokens: prefill.lateTokens + decode.lateTokens,
      active: this.active,
      waitingTokens: prefill.tokens + decode.tokens - decode.prefilledTokens,
      waitingKvTokens: decode.tokens - decode.lateTokens + (decode.size - decode.late) * osl,
      oldestWaitSeconds: first === Number.POSITIVE_INFINITY ? null : Math.max(0, nowMs - first) / 1000,
    };
  }

  #prefillReady(): boolean {
    return this.workers.some((worker) => worker.lease.role === 'prefill' && worker.serves);
  }

  #judge(worker: SimWorker, job: SimJob, nowMs: number): Standing {
    // One that has begun elsewhere is finished: its first token is out, or its prompt computed.
    if (job.emitted > 0 || job.phase === 'decode') return 'onTime';
    const { performanceBuffer } = this.config;
    const due = { acceptedAtMs: job.acceptedMs, deadlineMs: job.acceptedMs + this.#dueMs };
    return standingAt(due, performanceBuffer, nowMs, worker.firstTokenAfterMs(job.isl, nowMs));
  }

  #refuse(job: SimJob, nowMs: number): boolean {
    switch (this.config.overload.policy) {
      case 'refuse':
        this.#ended(job, 'failed', nowMs, true);
        return true;
      case 'relegate':
        return this.#relegate(job, nowMs);
      default:
        return false;
    }
  }

  /** Sends a request that has not begun on to the next lower level. */
  #relegate(job: SimJob, nowMs: number): boolean {
    const lower = this.shared.below(this.config);
    if (lower === undefined) return false;
    this.#recorder.ended(this.#endOf(job, 'relegated', nowMs));
    if (job.home === null && job.interval !== null) this.tally.relegated++;
    this.open--;
    this.lastSignMs = nowMs;
    job.home ??= this;
    job.phase = 'whole';
    lower.#takeOver(job, nowMs);
    return true;
  }

  #takeOver(job: SimJob, nowMs: number): void {
    this.open++;
    this.#enter(job, nowMs, nowMs);
  }

  #take(worker: SimWorker, job: SimJob, nowMs: number): void {
    worker.taken(job);
    if (nowMs > job.acceptedMs + this.#expiryMs) {
      this.#ended(job, 'expired', nowMs, true);
      return;
    }
    // A request of one token is done with its prefill; the decode half only hands over the answer.
    if (job.emitted >= job.maxTokens) {
      this.#ended(job, 'completed', nowMs, true);
      return;
    }
    try {
      worker.submit(job, nowMs);
    } catch (error) {
      if (!(error instanceof SluiceError) || error.code === 'internal') throw error;
      this.#ended(job, 'failed', nowMs, true);
      return;
    }
    this.active++;
  }

  #settle(worker: SimWorker, nowMs: number): void {
    worker.run(nowMs);
    const { log } = worker.core;
    for (let k = 0, event = log.at(0); event !== null; event = log.at(++k)) {
      const job = event.request;
      switch (event.type) {
        case 'token':
          if (Number.isNaN(job.firstTokenMs)) job.firstTokenMs = worker.wallOf(event.atMs);
          this.lastSignMs = nowMs;
          break;
        case 'finished':
          worker.release(job);
          worker.changed = true;
          this.active--;
          if (job.phase === 'prefill') {
            job.phase = 'decode';
            job.emitted = 1;
            this.dispatch(job, nowMs);
          } else this.#ended(job, 'completed', worker.wallOf(event.atMs), true);
          break;
        case 'preempted':
          break;
      }
    }
    log.clear();
  }

  /** Ends a request: once, and in every count. `recorded`: it was accepted, so telemetry hears of it. */
  #ended(job: SimJob, kind: JobEnd['kind'], atMs: number, recorded: boolean): void {
    checkOpen(job);
    job.open = false;
    const end = this.#endOf(job, kind, atMs);
    if (recorded) this.#recorder.ended(end);
    (job.home ?? this).count(job, end);
    this.open--;
    this.lastSignMs = atMs;
    this.shared.jobs.give(job);
  }

  /** Counts the end of a request that came to this pool; one that was served at a lower level missed its own. */
  count(job: SimJob, end: JobEnd): void {
    if (job.interval === null) return;
    if (job.home !== null) end.attained = false;
    this.tally.end(end);
    this.shared.onEnd?.(end, this.config.name);
    this.series.ended(job.interval, end);
  }

  /** The end of a request by this pool's targets. */
  #endOf(job: SimJob, kind: JobEnd['kind'], atMs: number): JobEnd {
    const end = this.#end;
    end.kind = kind;
    end.atMs = atMs;
    end.isl = job.isl;
    end.osl = job.maxTokens;
    end.attained = false;
    end.ttftPlace = -1;
    end.itlPlace = -1;
    if (kind === 'completed') {
      const { targets } = this.config;
      const gaps = job.maxTokens - 1;
      const ttft = Math.max(0, job.firstTokenMs - job.acceptedMs) / 1000;
      end.ttftSeconds = ttft;
      end.ttftPlace = placeOf(ttft);
      end.attained = ttft <= targets.ttftSeconds;
      if (gaps > 0) {
        const itl = Math.max(0, atMs - job.firstTokenMs) / 1000 / gaps;
        end.itlSeconds = itl;
        end.itlPlace = placeOf(itl);
        end.attained = end.attained && itl <= targets.itlSeconds;
      }
    }
    return end;
  }
}
