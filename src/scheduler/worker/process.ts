import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { initialTransition, transition } from 'xstate';
import { type WorkerEvent, workerLifecycle } from '../../../machines/worker-lifecycle.js';
import { readEnvironment } from '../../config/environment.js';
import { defaultConfig, loadConfig } from '../../config/load.js';
import type { Config, PoolConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { type WorkerSpec, workerSpecSchema } from '../../contract/spec.js';
import type { Heartbeat, WorkerRole } from '../../contract/worker.js';
import { createEngine } from '../../engines/create.js';
import type { Engine } from '../../engines/engine.js';
import { releaseLease, renewLease } from '../../gpu/ledger.js';
import { watchOwner } from '../../gpu/process.js';
import { connect } from '../../queues/connection.js';
import { Keys } from '../../queues/keys.js';
import { createLogger } from '../../telemetry/log.js';
import { type ExposedMetrics, exposeMetrics } from '../../telemetry/metrics/expose.js';
import { Recorder } from '../../telemetry/recorder.js';
import { startTracing, stopTracing } from '../../tracing/tracing.js';
import { engineGauges } from './engine-gauges.js';
import { PoolWorker } from './pool-worker.js';

/** Of an engine's output, in the heartbeats of a worker that starts. */
const ENGINE_LINES = 5;

/** Redis may be gone for good (its owner died): the end waits no longer for it. */
const GOODBYE_MS = 3_000;
/** For the requests of an engine that is gone to get back to the queue. */
const FAILING_MS = 5_000;

/** Beyond its drain deadline, to put its requests back and say goodbye. */
const ORPHAN_GRACE_MS = 10_000;

/** Reads `--spec JSON` of a worker's command line. Errors: `invalid_job`, naming each wrong field. */
function parseSpec(argv: readonly string[]): WorkerSpec {
  const at = argv.indexOf('--spec');
  const text = at >= 0 ? argv[at + 1] : undefined;
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    throw new SluiceError('invalid_job', 'expected --spec with a JSON object, as the GPU allocator gives it');
  }
  const parsed = workerSpecSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
  throw new SluiceError('invalid_job', `--spec: ${wrong}`);
}

/** The life of one worker process: cold start, serving, draining, end; its lease and heartbeat all along. */
export class WorkerProcess {
  readonly #log = createLogger();
  readonly #keys: Keys;
  readonly #redis: Redis;
  readonly #pool: PoolConfig;
  readonly #engine: Engine;
  readonly #recorder: Recorder;
  readonly #worker: PoolWorker;
  #metrics: ExposedMetrics | undefined;
  readonly #stopping = new AbortController();
  #life = initialTransition(workerLifecycle, { now: Date.now() })[0];
  #beatTimer: NodeJS.Timeout | undefined;
  #drainDeadlineMs = 0;
  #ending: Promise<void> | undefined;
  #failing: Promise<void> | undefined;

  constructor(
    private readonly spec: WorkerSpec,
    private readonly config: Config,
    redisUrl: string,
  ) {
    const pool = config.pools[spec.pool];
    if (pool === undefined) {
      const names = Object.keys(config.pools).join(', ');
      throw new SluiceError('invalid_config', `pool: expected one of ${names}, got ${spec.pool}`);
    }
    this.#pool = pool;
    this.#keys = new Keys(config.namespace);
    this.#redis = connect(redisUrl, 'plain');
    this.#recorder = new Recorder(this.#redis, this.#keys);
    const log = (message: string) => this.#log.warn({ worker: spec.workerId }, message);
    this.#engine = createEngine(pool, spec.role, spec.gpus, log);
    this.#worker = new PoolWorker({
      workerId: spec.workerId,
      role: spec.role,
      pool,
      config,
      engine: this.#engine,
      keys: this.#keys,
      redisUrl,
      redis: this.#redis,
      recorder: this.#recorder,
      gpus: spec.gpus.length,
      now: Date.now,
      log,
      onDrain: (now) => {
        this.drain('asked over the control channel');
        // Asked again, a drain lets nothing run on.
        if (now) this.drain('asked over the control channel');
      },
      onKeep: () => this.takeDrainBack(),
    });
  }

  /** Runs until the worker has ended; resolves with the exit code. */
  async run(): Promise<number> {
    const { spec, config } = this;
    const { signal } = this.#stopping;
    this.#engine.onCondition?.((condition, why) => {
      if (condition === 'gone') this.#failing ??= this.#fail(why);
    });
    process.on('SIGTERM', () => this.drain('SIGTERM'));
    process.on('SIGINT', () => this.drain('SIGINT'));
    process.on('SIGUSR2', () => this.takeDrainBack());
    if (spec.ownerPid !== null) watchOwner(spec.ownerPid, () => this.#orphaned());
    if (!(await this.#beat())) return this.#end('the lease was gone before the worker began');
    this.#beatTimer = setInterval(() => void this.#showBeat(), config.worker.heartbeatSeconds * 1000);
    this.#recorder.start();
    const { metrics } = readEnvironment();
    if (metrics !== null) {
      this.#metrics = await exposeMetrics(
        this.#redis,
        this.#keys,
        { role: 'worker', pool: spec.pool },
        metrics,
      );
      engineGauges(this.#metrics.registry, spec, () => ({
        load: this.#life.context.readyAtMs === null ? null : this.#engine.load(),
        active: this.#worker.active,
      }));
    }
    this.#log.info({ worker: spec.workerId, pool: spec.pool, gpus: spec.gpus, tp: spec.tp }, 'engine starts');
    try {
      await this.#engine.start(signal);
    } catch (error) {
      if (!signal.aborted) {
        this.#log.error({ worker: spec.workerId, err: error }, 'engine failed to start');
        this.#send({ type: 'FAIL', now: Date.now(), reason: SluiceError.from(error).message });
        await this.#end('engine failed to start');
        return 1;
      }
    }
    // It may be stopped during each step of its start.
    if (this.#life.value === 'starting') await this.#worker.start(signal);
    if (this.#life.value === 'starting') await this.#serve(signal);
    await this.#ending;
    await this.#failing;
    if (this.#life.status !== 'done') return this.#end('stopped while it started');
    return this.#failing === undefined ? 0 : 1;
  }

  /** Says that the worker serves; resolves when it is to stop. */
  async #serve(signal: AbortSignal): Promise<void> {
    this.#send({ type: 'READY', now: Date.now() });
    void this.#showBeat();
    const { startedAtMs, readyAtMs } = this.#life.context;
    const coldStartMs = (readyAtMs ?? 0) - startedAtMs;
    this.#log.info({ worker: this.spec.workerId, coldStartMs }, 'ready');
    await new Promise((resolve) => signal.addEventListener('abort', resolve));
  }

  /** The engine is gone: its requests have failed and go back to the queue; the allocator starts another worker. */
  async #fail(why: string): Promise<void> {
    if (this.#life.status === 'done') return;
    this.#log.error({ worker: this.spec.workerId, why }, 'engine gone');
    this.#send({ type: 'FAIL', now: Date.now(), reason: why });
    await this.#worker.drain();
    await this.#worker.emptied(Date.now() + FAILING_MS, () => false);
    this.#stopping.abort(new Error(why));
    await this.#end('engine gone');
  }

  /** Begins a drain; asked again, the requests left go back to the queue at once. */
  drain(why: string): void {
    const before = this.#life.value;
    if (before === 'draining') this.#worker.requeueAll();
    if (before !== 'ready' && before !== 'starting') return;
    this.#log.info({ worker: this.spec.workerId, why, active: this.#worker.active }, 'drain');
    this.#send({ type: 'DRAIN', now: Date.now(), reason: why });
    if (before === 'starting') {
      this.#stopping.abort(new Error(why));
      return;
    }
    this.#drainDeadlineMs = Date.now() + this.config.worker.drainSeconds * 1000;
    this.#ending = this.#drainOut();
  }

  /**
   * Drains, and ends in any case: Redis may be gone with the supervisor, and the allocator that would kill this. A worker that was
   * never ready has nothing to finish, and may be waiting for Redis.
   */
  #orphaned(): void {
    const finishMs = this.#life.context.readyAtMs === null ? 0 : this.config.worker.drainSeconds * 1000;
    setTimeout(() => process.exit(1), finishMs + ORPHAN_GRACE_MS);
    this.drain('the supervisor is gone');
  }

  takeDrainBack(): void {
    if (this.#life.value !== 'draining' || this.#stopping.signal.aborted) return;
    this.#log.info({ worker: this.spec.workerId }, 'drain taken back');
    this.#send({ type: 'KEEP', now: Date.now() });
    void this.#worker.resume();
    void this.#showBeat();
  }

  /** The lease is gone: the GPUs may be another worker's, so nothing may run on. */
  abandon(): void {
    if (this.#life.status === 'done') return;
    this.#log.warn({ worker: this.spec.workerId }, 'lease lost; requests go back to the queue');
    this.#send({ type: 'DRAIN', now: Date.now(), reason: 'the lease is lost' });
    this.#drainDeadlineMs = 0;
    this.#worker.requeueAll();
    void this.#engine.stop({ now: true });
    if (this.#life.context.readyAtMs === null) this.#stopping.abort(new Error('lease lost'));
    else this.#ending ??= this.#drainOut();
  }

  async #drainOut(): Promise<void> {
    const resumed = () => this.#life.value !== 'draining';
    await this.#worker.drain();
    void this.#showBeat();
    const ended = await this.#worker.emptied(this.#drainDeadlineMs, resumed);
    if (ended === 'resumed') {
      this.#ending = undefined;
      return;
    }
    this.#stopping.abort(new Error('drained'));
    await this.#end('drained');
  }

  async #end(why: string): Promise<number> {
    const failed = this.#life.value === 'failed';
    this.#send({ type: 'EMPTY', now: Date.now() });
    await atMost(GOODBYE_MS, this.#worker.close());
    // The lease goes last: until then its GPUs are not free, and it is renewed for as long as that takes.
    await this.#engine.stop();
    clearInterval(this.#beatTimer);
    const goodbye = async () => {
      await this.#recorder.close();
      await this.#metrics?.close();
      await this.#redis.hdel(this.#keys.heartbeats(this.spec.pool), this.spec.workerId);
      if (!failed) await releaseLease(this.#redis, this.#keys, this.spec.leaseId);
    };
    await atMost(GOODBYE_MS, goodbye());
    this.#redis.disconnect();
    this.#log.info({ worker: this.spec.workerId, why }, 'stopped');
    return 0;
  }

  #send(event: WorkerEvent): void {
    [this.#life] = transition(workerLifecycle, this.#life, event);
  }

  /** Beats, and ends the worker whose lease is gone. Never rejects. */
  async #showBeat(): Promise<void> {
    try {
      if (!(await this.#beat())) this.abandon();
    } catch {
      // Redis is away or full: the lease may end meanwhile, which the next beat will tell.
    }
  }

  /** @returns whether the lease still stands. */
  async #beat(): Promise<boolean> {
    const { spec } = this;
    const ready = this.#life.value === 'ready' || this.#life.value === 'draining';
    const lines = this.#engine.lastLines?.() ?? [];
    const beat: Heartbeat = {
      workerId: spec.workerId,
      pool: spec.pool,
      role: spec.role,
      state: this.#life.value,
      leaseId: spec.leaseId,
      host: hostname(),
      pid: process.pid,
      gpus: spec.gpus,
      tp: spec.tp,
      ...(ready || lines.length === 0 ? {} : { engineLog: lines.slice(-ENGINE_LINES) }),
      load: this.#life.context.readyAtMs === null ? null : this.#engine.load(),
      activeRequests: this.#worker.active,
      startedAtMs: this.#life.context.startedAtMs,
      readyAtMs: this.#life.context.readyAtMs,
      atMs: Date.now(),
    };
    await this.#redis.hset(this.#keys.heartbeats(this.#pool.name), spec.workerId, JSON.stringify(beat));
    return renewLease(this.#redis, this.#keys, spec.leaseId, spec.workerId);
  }
}

/** Waits for work, but no longer than that; what becomes of it does not matter. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), limit]);
  clearTimeout(timer);
}

/** Entry of the worker roles. Exits with 0 after a drain, 1 when the engine cannot start, 2 on a wrong spec. */
export async function workerMain(role: WorkerRole, argv: readonly string[]): Promise<void> {
  try {
    const spec = parseSpec(argv);
    if (spec.role !== role) throw new SluiceError('invalid_job', `role: expected ${role}, got ${spec.role}`);
    const { redisUrl } = readEnvironment();
    if (redisUrl === null) throw new SluiceError('no_redis', 'expected REDIS_URL in the environment');
    const config = spec.configFile === null ? defaultConfig() : loadConfig(spec.configFile);
    await startTracing(`${role}-worker`);
    const code = await new WorkerProcess(spec, config, redisUrl).run();
    await stopTracing();
    process.exit(code);
  } catch (error) {
    const known = SluiceError.from(error);
    process.stderr.write(`${role}-worker: ${known.message}\n`);
    process.exit(known.exitCode);
  }
}
