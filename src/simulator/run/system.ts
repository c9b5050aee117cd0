import { longestColdStart } from '../../config/cold-start.js';
import { poolsBelow } from '../../config/pools-below.js';
import type { Config } from '../../config/types.js';
import { SluiceError, unreachable } from '../../contract/errors.js';
import type { WorkerRole } from '../../contract/worker.js';
import type { SimOptions } from '../../engines/sim/types.js';
import { policyOf } from '../../planning/policy.js';
import { ROW_BLOCK_TOKENS } from '../traces/row.js';
import type { TimedRequest } from '../workload/arrivals.js';
import { SimAllocator } from './allocator.js';
import { EventHeap } from './event-heap.js';
import type { Fault } from './faults.js';
import { SimFleet } from './fleet.js';
import { checkOrder } from './invariants.js';
import { JobPool } from './job.js';
import type { Counted, PoolEngine, SimulateOptions } from './options.js';
import { SluicePlanner } from './planner.js';
import { SimPool } from './pool.js';
import type { PoolResult, SimResult } from './result.js';
import type { SimWorker } from './worker.js';

/** Virtual time begins here, Unix ms: midnight, and small enough that fractions of a microsecond count. */
export const ORIGIN_MS = 864_000_000;
const GRACE_SECONDS = 600;
/** Of the time series, unless said otherwise. */
export const INTERVAL_SECONDS = 60;

/** From the planners' first look until the pools' floors are ready at the latest, ms: then the load begins. */
export function floorsReadyMs({ pools, planner }: Config): number {
  return Math.ceil(1000 * longestColdStart(Object.values(pools)) + 3000 * planner.fastIntervalSeconds);
}

/** The whole system: pools, planners, allocator and the one list of events. */
export class SimSystem {
  readonly #heap = new EventHeap();
  readonly #pools: SimPool[] = [];
  readonly #byLevel = new Map<string, SimPool>();
  readonly #jobs = new JobPool();
  readonly #fleet: SimFleet;
  readonly #allocator: SimAllocator;
  readonly #requests: Iterator<TimedRequest>;
  /** When the load begins, and when counting does. */
  readonly #loadMs: number;
  readonly #beginMs: number;
  readonly #endMs: number;
  readonly #dispatchMs: number;
  readonly #intervalMs: number;
  readonly #passSlot: number;
  readonly #arrivalSlot: number;
  #next: TimedRequest | null = null;
  #lastAtSeconds = 0;
  #nowMs = ORIGIN_MS;
  #givenUp = false;
  #turnedGpuSeconds: number[] = [];
  #begun: Record<string, { gpuSeconds: number; steps: number }> = {};

  constructor(private readonly options: SimulateOptions) {
    const { config, engines } = options;
    this.#loadMs = ORIGIN_MS + (options.coldBegin === true ? 0 : floorsReadyMs(config));
    this.#beginMs = this.#loadMs + (options.warmUpSeconds ?? 0) * 1000;
    this.#endMs =
      options.durationSeconds === undefined
        ? Number.POSITIVE_INFINITY
        : this.#loadMs + options.durationSeconds * 1000;
    this.#dispatchMs = (options.dispatchSeconds ?? 0) * 1000;
    this.#intervalMs = (options.intervalSeconds ?? INTERVAL_SECONDS) * 1000;
    this.#requests = options.requests[Symbol.iterator]();
    this.#arrivalSlot = this.#heap.slot((nowMs) => this.#arrive(nowMs));
    this.#passSlot = this.#heap.slot((nowMs) => this.#pass(nowMs));
    const tp = Object.fromEntries(Object.entries(engines).map(([name, engine]) => [name, engine.tp]));
    this.#fleet = new SimFleet({
      config,
      heap: this.#heap,
      now: () => this.#nowMs,
      onChange: () => this.#wakeAllocator(),
    });
    this.#allocator = new SimAllocator(config, tp, this.#fleet, ORIGIN_MS);
    this.#fleet.attach(this.#allocator);
    for (const name of Object.keys(config.pools)) this.#addPool(name, engines[name]);
  }

  run(): SimResult {
    const heap = this.#heap;
    heap.once(this.#beginMs, () => this.#begin());
    this.#fetch();
    const graceMs = (this.options.graceSeconds ?? GRACE_SECONDS) * 1000;
    let events = 0;
    while (!this.#givenUp) {
      const nextMs = heap.nextMs;
      if (this.#next === null && this.#over(nextMs, graceMs)) break;
      this.#nowMs = nextMs;
      heap.fire();
      events++;
    }
    return this.#result(events);
  }

  #addPool(name: string, engine: PoolEngine | undefined): void {
    const { config, onRecord, onDecision } = this.options;
    const pool = config.pools[name];
    if (pool === undefined || pool.engine.kind !== 'sim' || engine === undefined)
      throw new SluiceError(
        'invalid_config',
        `pool ${name}: expected engine.kind sim, which can be simulated`,
      );
    const { maxSequences, maxBatchedTokens, coldStartSeconds } = pool.engine;
    const optionsOf = (role: WorkerRole): SimOptions => ({
      profile: engine.profile,
      tp: engine.tp[role],
      gpuMemoryUtilization: pool.gpuMemoryUtilization,
      maxSequences,
      maxBatchedTokens,
      coldStartMs: coldStartSeconds * 1000,
      itlSeconds: pool.targets.itlSeconds * pool.performanceBuffer,
      tokenEvents: 'ends',
      hashSpanTokens: ROW_BLOCK_TOKENS,
    });
    const policy = policyOf(config, pool, { prefill: engine.tp.prefill, decode: engine.tp.vllm });
    const makeScaler = this.options.scaler ?? ((input) => new SluicePlanner(input));
    const scaler = makeScaler({
      pool,
      policy,
      profile: engine.profile,
      nowMs: ORIGIN_MS,
      onRecord,
      onDecision,
    });
    const sim = new SimPool(
      pool,
      { vllm: optionsOf('vllm'), prefill: optionsOf('prefill') },
      scaler,
      {
        config,
        heap: this.#heap,
        jobs: this.#jobs,
        onEmpty: (worker, nowMs) => this.#fleet.leave(worker, nowMs),
        below: (of) => {
          const [lower] = poolsBelow(config, of);
          return this.#pools.find((one) => one.config === lower);
        },
        onEnd: this.options.onEnd,
      },
      ORIGIN_MS,
    );
    // Planners look at different moments, as processes do that were started one after another.
    const tickMs = policy.fastIntervalSeconds * 1000;
    sim.nextTickMs = ORIGIN_MS + (tickMs * this.#pools.length) / Object.keys(config.pools).length;
    const slot = this.#heap.slot((nowMs) => {
      sim.nextTickMs = nowMs + tickMs;
      this.#heap.set(slot, sim.nextTickMs);
      sim.serveWhole(nowMs);
      const seen = sim.observe(nowMs, this.#allocator.grantOf(name), this.#allocator.beatMs(nowMs));
      const order = scaler.tick(seen, nowMs);
      if (order === null) return;
      checkOrder(order, this.#allocator.ledger.desired[name], seen, policy.telemetryStaleSeconds);
      this.#allocator.order(order, nowMs);
      this.#wakeAllocator();
    });
    this.#heap.set(slot, sim.nextTickMs);
    sim.countFromMs = this.#beginMs;
    this.#pools.push(sim);
    this.#fleet.addPool(sim);
    if (!this.#byLevel.has(pool.level)) this.#byLevel.set(pool.level, sim);
  }

  #begin(): void {
    const nowMs = this.#beginMs;
    this.#allocator.resetPeaks();
    for (const pool of this.#pools) {
      const { name } = pool.config;
      this.#begun[name] = {
        gpuSeconds: this.#allocator.gpuSecondsOf(name, nowMs),
        steps: pool.scaler.steps.length,
      };
      pool.lastSignMs = nowMs;
    }
    for (const fault of this.options.faults ?? [])
      this.#heap.once(nowMs + fault.atSeconds * 1000, (atMs) => this.#disturb(fault, atMs));
    this.#turnSeries(nowMs);
  }

  #turnSeries(fromMs: number): void {
    this.#turnedGpuSeconds = this.#pools.map((pool) =>
      this.#allocator.gpuSecondsOf(pool.config.name, fromMs),
    );
    this.#heap.once(fromMs + this.#intervalMs, (nowMs) => {
      for (const [index, pool] of this.#pools.entries()) {
        const held =
          this.#allocator.gpuSecondsOf(pool.config.name, nowMs) - (this.#turnedGpuSeconds[index] ?? 0);
        this.#sample(pool, held, (nowMs - this.#beginMs) / 1000);
      }
      this.#tell(nowMs);
      this.#givenUp = this.options.giveUp?.(this.#counted()) ?? false;
      this.#turnSeries(nowMs);
    });
  }

  #counted(): Record<string, Counted> {
    return Object.fromEntries(
      this.#pools.map(({ config, tally, prefill, decode, open }) => {
        const { requests, ended, attained } = tally;
        const queued = prefill.queue.size + decode.queue.size - decode.queue.prefilled;
        // All that run are taken for counted ones: some of those in the queue came before the counting.
        const waiting = Math.max(0, requests - ended - (open - queued));
        return [config.name, { requests, missed: ended - attained, waiting }];
      }),
    );
  }

  #sample(pool: SimPool, gpuSeconds: number, nextAtSeconds: number): void {
    const inState = (state: SimWorker['state']) => pool.workers.filter((w) => w.state === state).length;
    pool.series.turn(
      {
        readyWorkers: inState('ready'),
        startingWorkers: inState('starting'),
        drainingWorkers: inState('draining'),
        leasedGpus: this.#allocator.gpusOf(pool.config.name),
        gpuHours: gpuSeconds / 3600,
        queued: pool.decode.queue.size + pool.prefill.queue.size,
        running: pool.active,
        state: pool.scaler.state,
      },
      nextAtSeconds,
    );
  }

  #tell(nowMs: number): void {
    const requests = this.#pools.reduce((sum, pool) => sum + pool.tally.requests, 0);
    const open = this.#pools.reduce((sum, pool) => sum + pool.open, 0);
    this.options.onProgress?.({ atSeconds: (nowMs - this.#beginMs) / 1000, requests, open });
  }

  /** Takes the next request from the source and sets the time at which it reaches the queue. */
  #fetch(): void {
    const { value, done } = this.#requests.next();
    const atMs = done === true ? Number.POSITIVE_INFINITY : this.#loadMs + value.atSeconds * 1000;
    if (done === true || atMs >= this.#endMs) {
      this.#next = null;
      this.#requests.return?.();
      return;
    }
    if (!(value.atSeconds >= this.#lastAtSeconds))
      throw new SluiceError('internal', `expected requests in order of time, got ${value.atSeconds} s late`);
    this.#lastAtSeconds = value.atSeconds;
    this.#next = value;
    this.#heap.set(this.#arrivalSlot, atMs + this.#dispatchMs);
  }

  #arrive(nowMs: number): void {
    const request = this.#next;
    if (request === null) return;
    const level = request.level ?? this.options.config.defaultLevel;
    const pool = this.#byLevel.get(level);
    if (pool === undefined)
      throw new SluiceError(
        'unknown_level',
        `expected an SLO level of ${[...this.#byLevel.keys()].join(', ')}, got ${JSON.stringify(level)}`,
      );
    pool.accept(request, this.#loadMs + request.atSeconds * 1000, nowMs);
    this.#fetch();
  }

  /** Nothing more to come: every request ended, or nothing has moved for the grace time. */
  #over(nextMs: number, graceMs: number): boolean {
    if (nextMs < this.#beginMs || (this.#endMs !== Number.POSITIVE_INFINITY && nextMs <= this.#endMs))
      return false;
    let lastSignMs = Math.max(this.#beginMs, this.#loadMs + this.#lastAtSeconds * 1000);
    let open = 0;
    for (const pool of this.#pools) {
      open += pool.open;
      lastSignMs = Math.max(lastSignMs, pool.lastSignMs);
    }
    return open === 0 || nextMs - lastSignMs > graceMs;
  }

  #disturb(fault: Fault, nowMs: number): void {
    const pool = this.#pools.find(({ config }) => config.name === fault.pool);
    if (pool === undefined) throw new SluiceError('invalid_config', `fault: no pool ${fault.pool}`);
    switch (fault.kind) {
      case 'worker_death': {
        const worker = this.#fleet.eldest(fault.pool, 'vllm');
        if (worker !== undefined) this.#fleet.die(worker, fault.noticed, nowMs);
        return;
      }
      case 'slow_gpu': {
        const worker = this.#fleet.eldest(fault.pool, 'vllm');
        if (worker === undefined) return;
        this.#fleet.slow(worker, fault.factor, true, nowMs);
        this.#heap.once(nowMs + fault.forSeconds * 1000, (atMs) =>
          this.#fleet.slow(worker, fault.factor, false, atMs),
        );
        return;
      }
      case 'telemetry_gap':
        pool.freeze(nowMs);
        this.#heap.once(nowMs + fault.forSeconds * 1000, () => pool.thaw());
        return;
      case 'failed_cold_start':
        pool.failingUntilMs = Math.max(pool.failingUntilMs, nowMs + fault.forSeconds * 1000);
        return;
      default:
        unreachable(fault);
    }
  }

  #result(events: number): SimResult {
    const open = this.#pools.some((pool) => pool.open > 0);
    let endMs = open ? this.#nowMs : this.#beginMs;
    if (!open) for (const pool of this.#pools) endMs = Math.max(endMs, pool.lastSignMs);
    if (!this.#givenUp && this.#endMs !== Number.POSITIVE_INFINITY) endMs = Math.max(endMs, this.#endMs);
    const pools: Record<string, PoolResult> = {};
    for (const [index, pool] of this.#pools.entries()) {
      const { name } = pool.config;
      const { tally, scaler } = pool;
      const begun = this.#begun[name] ?? { gpuSeconds: 0, steps: 0 };
      const total = this.#allocator.gpuSecondsOf(name, endMs);
      this.#sample(pool, total - (this.#turnedGpuSeconds[index] ?? 0), (endMs - this.#beginMs) / 1000);
      const past = scaler.steps.slice(0, begun.steps);
      pools[name] = {
        tally: tally.result(),
        atRequiredShare: tally.latencyAt(1 - pool.config.violationsAllowed),
        figures: {
          gpuSeconds: total - begun.gpuSeconds,
          maxGpus: this.#allocator.peakOf(name),
          start: {
            state: past.at(-1)?.to ?? null,
            ordered: past.findLast((step) => step.ordered !== null)?.ordered ?? null,
          },
          steps: scaler.steps.slice(begun.steps),
        },
        series: pool.series.finish(),
      };
    }
    this.#tell(endMs);
    return {
      pools,
      maxGpus: this.#allocator.peakOf(),
      wallSeconds: (endMs - this.#beginMs) / 1000,
      beganAtMs: this.#beginMs,
      events,
    };
  }

  #pass(nowMs: number): void {
    this.#allocator.pass(nowMs);
    this.#wakeAllocator();
  }

  #wakeAllocator(): void {
    this.#heap.set(this.#passSlot, Math.max(this.#nowMs, this.#allocator.wakeAtMs));
  }
}
