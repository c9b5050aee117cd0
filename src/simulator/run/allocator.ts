import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { Lease, WorkerFailure } from '../../contract/lease.js';
import type { ScaleGrant, ScaleOrder } from '../../contract/scale.js';
import type { Heartbeat, WorkerRole } from '../../contract/worker.js';
import { budgetsOf, inventoryOf } from '../../gpu/core/inventory.js';
import {
  ALL_POOLS,
  accountOf,
  acquire,
  applyOrder,
  emptyLedger,
  gpuSeconds,
  type Ledger,
  mark,
  reclaim,
  release,
  renew,
  sweep,
} from '../../gpu/core/ledger.js';
import { type PoolPlan, planPool } from '../../gpu/core/plan.js';
import { afterCrash, STABLE_SECONDS } from '../../gpu/core/restarts.js';
import { ledgerOf, viewOf } from '../../gpu/core/view.js';
import { checkLedger } from './invariants.js';

/** The live allocator looks at everything so often. */
const PASS_MS = 500;

/** What the allocator does to workers, and what it knows of them. */
export interface Fleet {
  start(lease: Lease): void;
  drain(workerId: string): void;
  resume(workerId: string): void;
  /** The GPUs of a worker that fell silent are taken back: whatever it still is, it ends. */
  kill(workerId: string): void;
  beat(workerId: string): Heartbeat | null;
  /** When the worker last renewed its lease. */
  lastBeatMs(workerId: string, nowMs: number): number;
  /** Nothing more is asked of the worker. */
  forget(workerId: string): void;
}

/**
 * The GPU allocator on the pure ledger. The live one looks twice a second whether or not there is anything to do; this one
 * looks at those of the same moments at which something can come of it (`wakeAtMs`), and renews a lease when the
 * ledger would find it run out, with the time at which its worker did renew it.
 */
export class SimAllocator {
  ledger: Ledger;
  /** When a pass is due; Infinity: not before something happens. */
  wakeAtMs = Number.POSITIVE_INFINITY;
  readonly #grants = new Map<string, ScaleGrant>();
  readonly #failures = new Map<string, WorkerFailure>();
  /** Leases whose workers are gone without a word, and when they run out. */
  readonly #silent = new Map<string, number>();
  readonly #leaseMs: number;
  readonly #byPriority: string[];
  #ids = 0;

  constructor(
    private readonly config: Config,
    private readonly tp: Readonly<Record<string, Record<WorkerRole, number>>>,
    private readonly fleet: Fleet,
    nowMs: number,
  ) {
    this.ledger = {
      ...emptyLedger(inventoryOf(config.inventory), budgetsOf(config.pools)),
      sweptAtMs: nowMs,
    };
    this.#leaseMs = Math.round(config.worker.leaseSeconds * 1000);
    this.#byPriority = Object.values(config.pools)
      .toSorted((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1))
      .map((pool) => pool.name);
  }

  /** Unix ms at which the live allocator would have been heard last. */
  beatMs(nowMs: number): number {
    return Math.floor(nowMs / PASS_MS) * PASS_MS;
  }

  grantOf(pool: string): ScaleGrant | null {
    return this.#grants.get(pool) ?? null;
  }

  gpusOf(pool: string): number {
    return accountOf(this.ledger, pool).gpus;
  }

  gpuSecondsOf(pool: string, nowMs: number): number {
    return gpuSeconds(this.ledger, pool, nowMs);
  }

  /** Most GPUs at one moment since `resetPeaks`; all pools together without a name. */
  peakOf(pool: string = ALL_POOLS): number {
    return accountOf(this.ledger, pool).peak;
  }

  resetPeaks(): void {
    const accounts = Object.entries(this.ledger.accounts).map(([name, a]) => [name, { ...a, peak: a.gpus }]);
    this.ledger = { ...this.ledger, accounts: Object.fromEntries(accounts) };
  }

  order(order: ScaleOrder, nowMs: number): void {
    const standing = this.ledger.desired[order.pool]?.generation ?? 0;
    const { ledger, verdict } = applyOrder(this.ledger, order);
    this.ledger = ledger;
    if (verdict === 'applied') {
      if (order.generation <= standing)
        throw new SluiceError('internal', `order ${order.generation} was applied after ${standing}`);
      for (const [field, failure] of this.#failures)
        if (failure.pool === order.pool && failure.gaveUp) this.#failures.delete(field);
    }
    if (verdict !== 'stale') this.pass(nowMs);
  }

  /** The first sign of life of a worker: its lease runs. */
  heard(lease: Lease, nowMs: number): void {
    this.ledger = renew(this.ledger, lease.leaseId, lease.workerId, nowMs).ledger;
  }

  /** A worker gave its lease back and ended, or its process was seen to end: the live allocator looks at once. */
  ended(lease: Lease, reason: string, nowMs: number): void {
    this.#settle(lease, reason, nowMs);
    this.wakeAtMs = Math.min(this.wakeAtMs, nowMs);
  }

  /** A worker's process is gone and nobody saw it: its lease will run out. */
  silent(lease: Lease, lastBeatMs: number): void {
    this.#silent.set(lease.leaseId, lastBeatMs + lease.leaseMs);
    this.#lookAt(lastBeatMs + lease.leaseMs);
  }

  /** A worker became ready: if it stays so, the crashes before it are forgiven. */
  ready(): void {
    this.#lookWhenForgiven();
  }

  /** At the first regular look at `atMs` or after. */
  #lookAt(atMs: number): void {
    this.wakeAtMs = Math.min(this.wakeAtMs, Math.ceil(atMs / PASS_MS) * PASS_MS);
  }

  #lookWhenForgiven(): void {
    for (const [field, failure] of this.#failures) {
      for (const lease of Object.values(this.ledger.leases)) {
        const readyMs = fieldOf(lease) === field ? this.fleet.beat(lease.workerId)?.readyAtMs : null;
        if (readyMs) this.#lookAt(Math.max(readyMs, failure.atMs) + STABLE_SECONDS * 1000 + 1);
      }
    }
  }

  pass(nowMs: number): void {
    this.wakeAtMs = Number.POSITIVE_INFINITY;
    this.#renewLate(nowMs);
    // The looks since the last one would have swept too, and found nothing.
    this.ledger = {
      ...this.ledger,
      sweptAtMs: Math.max(this.ledger.sweptAtMs, this.beatMs(nowMs) - PASS_MS),
    };
    const { ledger, expired } = sweep(this.ledger, this.#leaseMs / 2, nowMs);
    this.ledger = ledger;
    for (const leaseId of expired) {
      const lease = this.ledger.leases[leaseId];
      if (lease === undefined) continue;
      this.ledger = reclaim(this.ledger, [leaseId], nowMs);
      this.fleet.kill(lease.workerId);
      this.#settle(lease, `no sign of life for ${lease.leaseMs / 1000} s`, nowMs);
    }
    this.#forgive(nowMs);
    this.#plan(nowMs);
    checkLedger(this.ledger);
    for (const atMs of this.#silent.values()) this.#lookAt(Math.max(atMs, nowMs + 1));
    for (const failure of this.#failures.values())
      if (!failure.gaveUp && failure.retryAtMs > nowMs) this.#lookAt(failure.retryAtMs);
    this.#lookWhenForgiven();
  }

  #renewLate(nowMs: number): void {
    for (const lease of Object.values(this.ledger.leases)) {
      if (lease.expiresAtMs > nowMs) continue;
      const beatMs = this.fleet.lastBeatMs(lease.workerId, nowMs);
      if (beatMs + lease.leaseMs > nowMs) this.heard(lease, beatMs);
    }
  }

  #settle(lease: Lease, reason: string, nowMs: number): void {
    const standing = this.ledger.leases[lease.leaseId] ?? lease;
    if (standing.state !== 'draining') {
      const readyMs = this.fleet.beat(lease.workerId)?.readyAtMs ?? nowMs;
      const { pool, role, workerId } = lease;
      const failure = afterCrash(
        this.#failures.get(fieldOf(lease)) ?? null,
        {
          pool,
          role,
          workerId,
          reason,
          logTail: [],
          startedMs: lease.sinceMs,
          readySeconds: Math.max(0, nowMs - readyMs) / 1000,
        },
        this.config.worker,
        nowMs,
      );
      this.#failures.set(fieldOf(lease), failure);
    }
    this.ledger = release(this.ledger, lease.leaseId, nowMs);
    this.#silent.delete(lease.leaseId);
    this.fleet.forget(lease.workerId);
  }

  #forgive(nowMs: number): void {
    for (const [field, failure] of this.#failures) {
      const stable = Object.values(this.ledger.leases).some((lease) => {
        if (fieldOf(lease) !== field) return false;
        const beat = this.fleet.beat(lease.workerId);
        if (beat?.state !== 'ready') return false;
        return nowMs - Math.max(beat.readyAtMs ?? nowMs, failure.atMs) > STABLE_SECONDS * 1000;
      });
      if (stable) this.#failures.delete(field);
    }
  }

  #plan(nowMs: number): void {
    const settleMs = 2 * this.config.worker.heartbeatSeconds * 1000;
    const { inventory, budgets } = this.ledger;
    let planned = ledgerOf(inventory, budgets, Object.values(this.ledger.leases));
    for (const pool of this.#byPriority) {
      const workers = Object.values(this.ledger.leases)
        .filter((lease) => lease.pool === pool)
        .map((lease) => viewOf(lease, this.fleet.beat(lease.workerId) ?? undefined, settleMs));
      const vllm = this.#failures.get(`${pool}:vllm`);
      const prefill = this.#failures.get(`${pool}:prefill`);
      const plan = planPool(
        planned,
        {
          pool,
          tp: this.tp[pool] ?? { vllm: 1, prefill: 1 },
          desired: this.ledger.desired[pool] ?? null,
          workers,
          failures: { ...(vllm && { vllm }), ...(prefill && { prefill }) },
        },
        this.#leaseMs,
        nowMs,
        () => `w${++this.#ids}`,
      );
      planned = plan.ledger;
      this.#act(plan, nowMs);
      if (plan.grant !== null) this.#grants.set(pool, plan.grant);
    }
  }

  #act(plan: PoolPlan, nowMs: number): void {
    const byWorker = new Map(Object.values(this.ledger.leases).map((lease) => [lease.workerId, lease]));
    for (const workerId of plan.drain) {
      this.ledger = mark(this.ledger, byWorker.get(workerId)?.leaseId ?? '', 'draining', nowMs);
      this.fleet.drain(workerId);
    }
    for (const workerId of plan.resume) {
      this.ledger = mark(this.ledger, byWorker.get(workerId)?.leaseId ?? '', 'running', nowMs);
      this.fleet.resume(workerId);
    }
    for (const request of plan.start) {
      const { ledger, refusal } = acquire(this.ledger, request, nowMs);
      if (refusal !== null) throw new SluiceError('internal', `a planned lease was refused: ${refusal}`);
      this.ledger = ledger;
      const lease = ledger.leases[request.leaseId];
      if (lease !== undefined) this.fleet.start(lease);
    }
  }
}

function fieldOf(of: { pool: string; role: WorkerRole }): string {
  return `${of.pool}:${of.role}`;
}
