import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { STARVED_PRIORITY } from '../../admission/deadline.js';
import { describeIssues } from '../../admission/limits.js';
import type { Config, PoolConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { parseControl } from '../../contract/reply.js';
import { type Moved, type RoutedRequest, routedRequestSchema } from '../../contract/request.js';
import type { WorkerRole } from '../../contract/worker.js';
import { Cancellation } from '../../engines/cancellation.js';
import type { Engine, EngineCondition } from '../../engines/engine.js';
import { connect, workerOptions } from '../../queues/connection.js';
import { TokenEmitter } from '../../queues/emitter.js';
import type { Keys } from '../../queues/keys.js';
import { retention } from '../../queues/pool-queues.js';
import { finalFailure, PullWorker, putBack } from '../../queues/pull-worker.js';
import type { Recorder } from '../../telemetry/recorder.js';
import { noteBegun } from '../../tenants/fair-share.js';
import { bullTelemetry } from '../../tracing/tracing.js';
import { failureOf } from '../pool-router.js';
import { EndReport } from './end-report.js';
import { GpuShare } from './gpu-share.js';
import { KeptRoom } from './kept-room.js';
import { Overload } from './overload.js';
import { Relegation } from './relegation.js';
import {
  type AbortCause,
  abort,
  gpuSecondsOf,
  type Run,
  type RunContext,
  refusal,
  runRequest,
} from './run.js';

/** Weight of a new request in the running mean of KV tokens a request needs. */
const KV_MEAN_WEIGHT = 0.05;

export interface PoolWorkerOptions {
  workerId: string;
  role: WorkerRole;
  pool: PoolConfig;
  config: Config;
  engine: Engine;
  keys: Keys;
  redisUrl: string;
  redis: Redis;
  recorder: Recorder;
  /** GPUs of its lease; default 1. */
  gpus?: number;
  now: () => number;
  log: (message: string) => void;
  /** This worker is asked to end, over its pool's channel. @param now requests go back to the queue at once */
  onDrain?: (now: boolean) => void;
  /** That is taken back. */
  onKeep?: () => void;
}

/** Pulls a pool's requests while its engine has room, runs them, and ends each exactly once. */
export class PoolWorker {
  readonly #runs = new Map<string, Run>();
  readonly #runOf = new Map<Job, Run>();
  readonly #bull: PullWorker;
  readonly #control: Redis;
  readonly #emitter: TokenEmitter;
  readonly #report: EndReport;
  readonly #context: RunContext;
  readonly #overload: Overload;
  readonly #relegation: Relegation;
  readonly #kept: KeptRoom;
  #draining = false;
  #engineDown = false;
  #started = false;
  /** Runs that left the engine and whose end is on its way to Redis; the next request comes with the answer. */
  readonly #finishing = new Set<Run>();
  /** All that left the engine or do not come to it, also those whose tokens are on their way to the journal. */
  readonly #left = new Set<Run>();
  #roomChanged = false;
  #meanKvTokens: number;

  constructor(private readonly options: PoolWorkerOptions) {
    const { pool, config, keys, redis, engine, role, redisUrl } = options;
    this.#emitter = new TokenEmitter(redis, keys);
    this.#report = new EndReport(options);
    const gpus = new GpuShare(options.gpus ?? 1);
    this.#context = {
      pool,
      role,
      engine,
      emitter: this.#emitter,
      redis,
      keys,
      gpus,
      now: options.now,
      began: (request) => this.#kept.began(request),
      left: (run) => this.#left.add(run),
    };
    this.#meanKvTokens = pool.expected.isl + pool.expected.osl;
    this.#control = connect(redisUrl, 'subscriber');
    const name = role === 'prefill' ? keys.prefillQueue(pool.name) : keys.decodeQueue(pool.name);
    this.#bull = new PullWorker(name, (job, token) => this.#process(job, token), {
      ...workerOptions(config.queues),
      ...retention(config),
      ...bullTelemetry(),
      connection: redis,
      prefix: keys.poolPrefix(pool.name),
      name: options.workerId,
      autorun: false,
      skipVersionCheck: true,
    });
    this.#overload = new Overload(options, this.#bull);
    this.#relegation = new Relegation(options);
    this.#kept = new KeptRoom(options, this.#bull, () => this.#adjustRoomSoon());
    this.#bull.on('completed', (job) => this.#completed(job));
    this.#bull.on('failed', (job, error) => this.#failed(job, error));
    this.#bull.on('lockRenewalFailed', (ids) => {
      for (const id of ids) this.#abort(id, 'overtaken');
    });
    // An end that Redis refused (full, or the lock had run out) comes with no event; another run will end the request.
    this.#bull.onSettled = (job) => {
      const run = this.#runOf.get(job);
      this.#runOf.delete(job);
      if (run !== undefined) this.#forget(run);
    };
    this.#bull.on('error', (error) => options.log(`queue ${name}: ${error.message}`));
    engine.onRoom(() => this.#adjustRoomSoon());
    engine.onCondition?.((condition, why) => void this.#onCondition(condition, why));
  }

  /** Requests held now. */
  get active(): number {
    return this.#runs.size;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Begins to take requests, unless it was stopped while Redis was asked; the engine must be ready. */
  async start(signal: AbortSignal): Promise<void> {
    this.#control.on('message', (_channel: string, message: string) => this.#hear(message));
    await this.#control.subscribe(this.options.keys.control(this.options.pool.name));
    this.#adjustRoom();
    this.#started = true;
    if (this.#engineDown) await this.#bull.pause(true);
    if (signal.aborted) return;
    this.#bull.run().catch((error: unknown) => this.options.log(`queue loop ended: ${String(error)}`));
  }

  /** Takes no new request; what runs goes on. */
  async drain(): Promise<void> {
    this.#draining = true;
    await this.#bull.pause(true);
  }

  /** Takes a drain back. */
  async resume(): Promise<void> {
    this.#draining = false;
    if (!this.#engineDown) await this.#bull.resume();
  }

  /** Resolves when no request is held, or at the deadline after those left went back to the queue. */
  async emptied(deadlineMs: number, taken: () => boolean): Promise<'empty' | 'resumed'> {
    while (this.#runs.size > 0) {
      if (taken()) return 'resumed';
      if (this.options.now() > deadlineMs) {
        this.requeueAll();
        break;
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    while (this.#runs.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
    return taken() ? 'resumed' : 'empty';
  }

  /** Sends every request that runs here back to the queue, to go on elsewhere after its last emitted token. */
  requeueAll(): void {
    for (const id of this.#runs.keys()) this.#abort(id, 'requeue');
  }

  async close(): Promise<void> {
    await this.#bull.close();
    await this.#relegation.close();
    this.#control.disconnect();
  }

  async #process(job: Job, token: string | undefined): Promise<unknown> {
    const { options } = this;
    const parsed = routedRequestSchema.safeParse(job.data);
    if (!parsed.success) throw notRouted(describeIssues(parsed.error));
    const { id, pool } = parsed.data;
    // Another id or pool would write into another request's journal.
    if (id !== job.id) throw notRouted(`id: expected the job's own id ${job.id}, got ${id}`);
    if (pool !== options.pool.name) throw notRouted(`pool: expected ${options.pool.name}, got ${pool}`);
    if (this.#draining || this.#engineDown) return putBack(job, token);
    this.#kept.took(parsed.data, job.priority <= STARVED_PRIORITY);
    const run = this.#begin(parsed.data, job);
    // Its worker may have died on the way of sending it on: then it is the other pool's, whatever became of it here.
    if ((job.stalledCounter > 0 || job.attemptsMade > 0) && options.role !== 'prefill') {
      const moved = await this.#relegation.goOn(parsed.data);
      if (moved !== undefined) return this.#sentOn(run, moved);
    }
    const refused = refusal(parsed.data, run.startedAtMs);
    if (refused !== undefined) throw finalFailure(refused);
    if (!this.#goesOnLate(parsed.data) && this.#overload.isLate(parsed.data, job)) {
      // It does not come to the engine.
      this.#left.add(run);
      if (this.#relegates) return this.#sentOn(run, await this.#relegation.move(parsed.data, run.channels));
      if (options.pool.overload.policy === 'late') this.#forget(run);
      return this.#overload.turnAway(parsed.data, job, token);
    }
    this.#overload.taken();
    this.#noteBegun(parsed.data);
    try {
      const { gpus } = this.#context;
      run.gpuMark = gpus.begin(options.now());
      const ending = runRequest(this.#context, run, job);
      this.#adjustRoom();
      return await ending.finally(() => {
        run.gpuSeconds = gpuSecondsOf(this.#context, run);
        gpus.end(options.now());
        this.#finishing.add(run);
        this.#left.add(run);
        // BullMQ asks at once whether the next comes with the answer to this one's end.
        this.#adjustRoom();
      });
    } catch (error) {
      this.#emitter.drop(run);
      return await this.#afterFailure(run, job, token, error);
    } finally {
      if (options.role === 'prefill' || run.cause === 'requeue' || run.cause === 'overtaken')
        this.#forget(run);
    }
  }

  /** Lost, the next one's is as good. */
  #noteBegun({ share }: RoutedRequest): void {
    const { redis, keys, pool } = this.options;
    if (share !== undefined) noteBegun(redis, keys, pool.name, share).catch(() => {});
  }

  #begin(request: RoutedRequest, job: Job): Run {
    const run: Run = {
      id: request.id,
      pool: request.pool,
      request,
      // A job that was lost and added again begins anew with its attempts.
      fence: [this.options.workerId, this.options.role, job.timestamp, job.attemptsStarted].join('#'),
      workerId: this.options.workerId,
      channels: new Set(request.replyTo === undefined ? [] : [request.replyTo]),
      tokens: [],
      atMs: [],
      journaled: 0,
      firstTokenAtMs: null,
      startedAtMs: this.options.now(),
      abort: new Cancellation(),
      cause: undefined,
      gpuMark: 0,
      prefillGpuSeconds: 0,
      gpuSeconds: 0,
      onFenced: () => abort(run, 'overtaken'),
    };
    // Its lock ran out while Redis was silent, and the request came back to this same worker.
    const before = this.#runs.get(request.id);
    if (before !== undefined) abort(before, 'overtaken');
    this.#runs.set(request.id, run);
    this.#runOf.set(job, run);
    this.#meanKvTokens += KV_MEAN_WEIGHT * (request.isl + request.maxTokens - this.#meanKvTokens);
    return run;
  }

  async #afterFailure(run: Run, job: Job, token: string | undefined, error: unknown): Promise<Moved> {
    switch (run.cause) {
      case 'cancel':
        throw finalFailure(new SluiceError('cancelled', 'cancelled by the client while it ran'));
      case 'requeue':
        return putBack(job, token);
      case 'overtaken':
        // Another run owns the request; BullMQ refuses this job's end because its lock is gone.
        throw new Error(`run ${run.fence} of ${run.id} was overtaken`);
      case undefined: {
        const known = SluiceError.from(error);
        // Its prefill half came too late.
        if (known.code === 'overloaded' && this.#relegates)
          return this.#sentOn(run, await this.#relegation.move(run.request, run.channels));
        if (known.retryable) throw new Error(known.toReason());
        throw finalFailure(known);
      }
    }
  }

  /** Whether a request is begun however late it is: it would stand aside for the excess work of others. */
  #goesOnLate(request: RoutedRequest): boolean {
    return this.options.pool.overload.policy === 'late' && this.#kept.protects(request);
  }

  /** Whether this worker sends what it would begin too late to a lower level; a prefill worker leaves that to the decode half. */
  get #relegates(): boolean {
    return this.options.pool.overload.policy === 'relegate' && this.options.role !== 'prefill';
  }

  #sentOn(run: Run, moved: Moved): Moved {
    this.#forget(run);
    return moved;
  }

  #completed(job: Job): void {
    const run = this.#runOf.get(job);
    const result = run?.result;
    if (run === undefined || result === undefined) return;
    this.#forget(run);
    this.#report.completed(run, result);
  }

  #failed(job: Job | undefined, error: Error): void {
    const run = job === undefined ? undefined : this.#runOf.get(job);
    // The next run of the same request may be here already.
    if (job === undefined || run === undefined || this.#runs.get(run.id) !== run) return;
    this.#forget(run);
    if (job.finishedOn === undefined) return; // BullMQ runs it again
    if (this.options.role === 'prefill' && job.parent !== undefined) return; // the decode half decides
    this.#report.failed(run, failureOf(error.message));
  }

  #forget(run: Run): void {
    this.#finishing.delete(run);
    this.#left.delete(run);
    this.#emitter.drop(run);
    // A later run of the same request may be here already.
    if (this.#runs.get(run.id) === run) this.#runs.delete(run.id);
    this.#adjustRoom();
  }

  /** An engine that can take nothing must be given nothing: each request would fail, and soon for good. */
  async #onCondition(condition: EngineCondition, why: string): Promise<void> {
    this.#engineDown = condition !== 'up';
    this.options.log(`the engine is ${condition}: ${why}`);
    if (!this.#started) return;
    if (this.#engineDown) await this.#bull.pause(true);
    else if (!this.#draining) await this.#bull.resume();
  }

  #abort(id: string, cause: AbortCause): void {
    const run = this.#runs.get(id);
    if (run !== undefined) abort(run, cause);
  }

  #hear(text: string): void {
    const message = parseControl(text);
    if (message === undefined) return;
    switch (message.type) {
      case 'cancel':
        this.#abort(message.id, 'cancel');
        break;
      case 'attach':
        this.#runs.get(message.id)?.channels.add(message.replyTo);
        break;
      case 'within':
        this.#kept.heard(message);
        break;
      case 'drain':
        if (message.workerId === this.options.workerId) this.options.onDrain?.(message.now);
        break;
      case 'keep':
        if (message.workerId === this.options.workerId) this.options.onKeep?.();
    }
  }

  #adjustRoom(): void {
    const { engine } = this.options;
    const tokens = this.#meanKvTokens;
    const held = this.#runs.size - this.#left.size;
    // On their way to the engine, or ended there and not known to be: their places are not to be given twice.
    const unseen = Math.max(0, held - (engine.held?.() ?? held));
    const has = Math.max(0, engine.room(tokens) - unseen);
    const places = () => (engine.places === undefined ? has : Math.max(0, engine.places(tokens) - unseen));
    const room = this.#kept.of(has, places, { runs: this.#runs, left: this.#left });
    this.#bull.setRoom(this.#runs.size, room - this.#finishing.size);
  }

  /** An engine tells of room before the run that left it is known to be finishing. */
  #adjustRoomSoon(): void {
    if (this.#roomChanged) return;
    this.#roomChanged = true;
    setImmediate(() => {
      this.#roomChanged = false;
      this.#adjustRoom();
    });
  }
}

function notRouted(what: string): Error {
  const hint = 'submit through the requests queue or the API';
  return finalFailure(new SluiceError('invalid_job', `not a routed request: ${what}; ${hint}`));
}
