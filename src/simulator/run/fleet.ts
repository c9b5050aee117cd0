import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { Lease } from '../../contract/lease.js';
import type { Heartbeat, WorkerRole } from '../../contract/worker.js';
import type { Fleet, SimAllocator } from './allocator.js';
import type { EventHeap } from './event-heap.js';
import type { SimPool } from './pool.js';
import { SimWorker } from './worker.js';

interface FleetParts {
  config: Config;
  heap: EventHeap;
  /** Virtual time. */
  now(): number;
  /** The allocator may have something to do. */
  onChange(): void;
}

/** All workers of a run: their starts, drains, deaths and heartbeats in virtual time. */
export class SimFleet implements Fleet {
  readonly #workers = new Map<string, SimWorker>();
  readonly #pools = new Map<string, SimPool>();
  #allocator: SimAllocator | null = null;

  constructor(private readonly shared: FleetParts) {}

  attach(allocator: SimAllocator): void {
    this.#allocator = allocator;
  }

  addPool(pool: SimPool): void {
    this.#pools.set(pool.config.name, pool);
  }

  beat(workerId: string): Heartbeat | null {
    return this.#workers.get(workerId)?.beat ?? null;
  }

  kill(workerId: string): void {
    this.#end(this.#worker(workerId));
  }

  /** The worker of a role that has been ready longest. */
  eldest(pool: string, role: WorkerRole): SimWorker | undefined {
    const ready = this.#pools.get(pool)?.workers.filter((w) => w.serves && w.lease.role === role) ?? [];
    return ready.toSorted((a, b) => (a.readyMs ?? 0) - (b.readyMs ?? 0))[0];
  }

  /** The worker's process ends without a word. `noticed`: by the allocator, at once. */
  die(worker: SimWorker, noticed: boolean, nowMs: number): void {
    const pool = this.#poolOf(worker);
    const lastBeatMs = this.lastBeatMs(worker.id, nowMs);
    const jobs = pool.takeBack(worker, nowMs);
    this.#end(worker);
    worker.lastBeatMs = lastBeatMs;
    // BullMQ gives a request to others when its lock has run out.
    this.shared.heap.once(nowMs + this.shared.config.queues.lockSeconds * 1000, (atMs) => {
      for (const job of jobs) pool.dispatch(job, atMs);
    });
    if (noticed) this.allocator.ended(worker.lease, 'killed by SIGKILL', nowMs);
    else this.allocator.silent(worker.lease, lastBeatMs);
    this.shared.onChange();
  }

  /** A slowdown of a worker by `factor` begins or ends. */
  slow(worker: SimWorker, factor: number, begins: boolean, nowMs: number): void {
    if (worker.dead) return;
    const pool = this.#poolOf(worker);
    pool.step(worker, nowMs);
    if (worker.dead) return;
    if (begins) worker.slow(factor, nowMs);
    else worker.recover(factor, nowMs);
    pool.schedule(worker);
  }

  private get allocator(): SimAllocator {
    if (this.#allocator === null) throw new SluiceError('internal', 'a fleet without an allocator');
    return this.#allocator;
  }

  #worker(id: string): SimWorker {
    const worker = this.#workers.get(id);
    if (worker === undefined) throw new SluiceError('internal', `no worker ${id}`);
    return worker;
  }

  #poolOf(worker: SimWorker): SimPool {
    const pool = this.#pools.get(worker.lease.pool);
    if (pool === undefined) throw new SluiceError('internal', `no pool ${worker.lease.pool}`);
    return pool;
  }

  start(lease: Lease): void {
    const nowMs = this.shared.now();
    const pool = this.#pools.get(lease.pool);
    if (pool === undefined) return;
    const { isl, osl } = pool.config.expected;
    const worker = new SimWorker(lease, lease.gpus.length, pool.options[lease.role], isl + osl, nowMs);
    worker.doomed = nowMs < pool.failingUntilMs;
    worker.slot = this.shared.heap.slot((atMs) => pool.step(worker, atMs));
    worker.beatSlot = this.shared.heap.slot((atMs) => {
      worker.tell(atMs);
      this.shared.heap.set(worker.beatSlot, this.#nextBeatMs(worker, pool, atMs));
    });
    this.#workers.set(worker.id, worker);
    pool.workers.push(worker);
    worker.tell(nowMs);
    this.allocator.heard(lease, nowMs);
    this.shared.heap.set(worker.beatSlot, this.#nextBeatMs(worker, pool, nowMs));
    this.shared.heap.once(worker.start(nowMs), (atMs) => this.#ready(worker, pool, atMs));
  }

  /** Of a worker's heartbeats only the last one before its planner looks again is ever seen. */
  #nextBeatMs(worker: SimWorker, pool: SimPool, nowMs: number): number {
    const beatMs = this.shared.config.worker.heartbeatSeconds * 1000;
    const since = (atMs: number) => Math.floor((atMs - worker.startedMs) / beatMs + 1e-9);
    return worker.startedMs + Math.max(since(pool.nextTickMs), since(nowMs) + 1) * beatMs;
  }

  lastBeatMs(workerId: string, nowMs: number): number {
    const worker = this.#worker(workerId);
    if (worker.dead) return worker.lastBeatMs;
    const beatMs = this.shared.config.worker.heartbeatSeconds * 1000;
    const regular = worker.startedMs + Math.floor((nowMs - worker.startedMs) / beatMs + 1e-9) * beatMs;
    return Math.max(worker.lastBeatMs, regular);
  }

  #ready(worker: SimWorker, pool: SimPool, nowMs: number): void {
    if (worker.dead || worker.state !== 'starting') return;
    if (worker.doomed) {
      worker.send({ type: 'FAIL', now: nowMs, reason: 'the engine failed to start' });
      this.#end(worker);
      this.allocator.ended(worker.lease, 'exit code 1', nowMs);
      this.shared.onChange();
      return;
    }
    worker.send({ type: 'READY', now: nowMs });
    worker.tell(nowMs);
    this.allocator.ready();
    this.shared.onChange();
    pool.offer(worker, nowMs);
  }

  drain(workerId: string): void {
    const worker = this.#worker(workerId);
    const nowMs = this.shared.now();
    if (worker.dead) return;
    const starting = worker.state === 'starting';
    worker.send({ type: 'DRAIN', now: nowMs, reason: 'ordered' });
    worker.tell(nowMs);
    const deadlineMs = nowMs + this.shared.config.worker.drainSeconds * 1000;
    worker.drainDeadlineMs = deadlineMs;
    // The end follows the pass that asked for it.
    if (starting || worker.held.length === 0)
      this.shared.heap.once(nowMs, (atMs) => this.leave(worker, atMs));
    else
      this.shared.heap.once(deadlineMs, (atMs) => {
        if (worker.drainDeadlineMs !== deadlineMs || worker.dead) return;
        const pool = this.#poolOf(worker);
        for (const job of pool.takeBack(worker, atMs)) pool.dispatch(job, atMs);
        this.leave(worker, atMs);
      });
  }

  resume(workerId: string): void {
    const worker = this.#worker(workerId);
    if (worker.dead || worker.state !== 'draining') return;
    worker.send({ type: 'KEEP', now: this.shared.now() });
    worker.drainDeadlineMs = Number.POSITIVE_INFINITY;
    worker.tell(this.shared.now());
    this.#poolOf(worker).offer(worker, this.shared.now());
  }

  /** A draining worker that is empty gives its lease back and ends. */
  leave(worker: SimWorker, nowMs: number): void {
    if (worker.dead || worker.state !== 'draining') return;
    worker.send({ type: 'EMPTY', now: nowMs });
    this.#end(worker);
    this.allocator.ended(worker.lease, 'drained', nowMs);
    this.shared.onChange();
  }

  #end(worker: SimWorker): void {
    worker.dead = true;
    this.shared.heap.set(worker.slot, Number.POSITIVE_INFINITY);
    this.shared.heap.set(worker.beatSlot, Number.POSITIVE_INFINITY);
  }

  forget(workerId: string): void {
    const worker = this.#worker(workerId);
    this.#workers.delete(worker.id);
    const { workers } = this.#poolOf(worker);
    workers.splice(workers.indexOf(worker), 1);
    this.shared.heap.drop(worker.slot);
    this.shared.heap.drop(worker.beatSlot);
  }
}
