import type { Lease } from '../../contract/lease.js';
import type { ScaleOrder } from '../../contract/scale.js';
import type { Budget, Gpu } from './inventory.js';
import { place } from './placement.js';

/** Name of the account of all pools together. */
export const ALL_POOLS = '*';

/** GPU time of one pool. */
export interface Account {
  gpus: number;
  workers: number;
  /** GPU-milliseconds up to `sinceMs`. */
  gpuMs: number;
  sinceMs: number;
  /** Most GPUs at one moment. */
  peak: number;
}

/**
 * The ledger of leases as a value. The Redis scripts change the stored ledger by the same rules; the simulator uses
 * this one, and the allocator plans on it before it commits there. Functions never change their argument.
 */
export interface Ledger {
  inventory: readonly Gpu[];
  budgets: Readonly<Record<string, Budget>>;
  leases: Readonly<Record<string, Lease>>;
  accounts: Readonly<Record<string, Account>>;
  desired: Readonly<Record<string, ScaleOrder>>;
  /** Time of the last sweep, ms; 0: never. */
  sweptAtMs: number;
}

export type Refusal = 'budget' | 'inventory' | 'placement';

export type LeaseRequest = Pick<
  Lease,
  'leaseId' | 'pool' | 'role' | 'workerId' | 'host' | 'gpus' | 'generation' | 'leaseMs'
>;

export function emptyLedger(inventory: readonly Gpu[], budgets: Record<string, Budget>): Ledger {
  return { inventory, budgets, leases: {}, accounts: {}, desired: {}, sweptAtMs: 0 };
}

export function accountOf(ledger: Ledger, name: string): Account {
  return ledger.accounts[name] ?? { gpus: 0, workers: 0, gpuMs: 0, sinceMs: 0, peak: 0 };
}

/** GPUs in no lease, in inventory order. */
export function freeGpus(ledger: Ledger): Gpu[] {
  const held = new Set(Object.values(ledger.leases).flatMap((lease) => lease.gpus));
  return ledger.inventory.filter((gpu) => !held.has(gpu.id));
}

/** Whether the pool's budget, and the guarantees of the others, leave it `gpus` more for one more worker. */
function budgetRefusal(ledger: Ledger, pool: string, gpus: number): 'budget' | 'inventory' | null {
  const budget = ledger.budgets[pool];
  if (!budget) return 'budget';
  const { gpus: leased, workers } = accountOf(ledger, pool);
  if (leased + gpus > budget.ceiling || workers + 1 > budget.maxWorkers) return 'budget';
  if (leased + gpus <= budget.guaranteed) return null;
  const reserved = Object.entries(ledger.budgets)
    .filter(([name]) => name !== pool)
    .reduce((sum, [name, other]) => sum + Math.max(0, other.guaranteed - accountOf(ledger, name).gpus), 0);
  return freeGpus(ledger).length - gpus < reserved ? 'inventory' : null;
}

/** GPUs for one more worker of `tp` GPUs, or why there are none. */
export function chooseGpus(
  ledger: Ledger,
  pool: string,
  tp: number,
): { gpus: Gpu[]; refusal: null } | { gpus: null; refusal: Refusal } {
  const refusal = budgetRefusal(ledger, pool, tp);
  if (refusal) return { gpus: null, refusal };
  const free = freeGpus(ledger);
  if (free.length < tp) return { gpus: null, refusal: 'inventory' };
  const gpus = place(free, tp);
  return gpus ? { gpus, refusal: null } : { gpus: null, refusal: 'placement' };
}

/** Takes a lease; the same lease again changes nothing. */
export function acquire(
  ledger: Ledger,
  request: LeaseRequest,
  nowMs: number,
): { ledger: Ledger; refusal: Refusal | null } {
  if (ledger.leases[request.leaseId]) return { ledger, refusal: null };
  const refusal = placementRefusal(ledger, request.gpus);
  if (refusal) return { ledger, refusal };
  const denied = budgetRefusal(ledger, request.pool, request.gpus.length);
  if (denied) return { ledger, refusal: denied };
  const lease: Lease = {
    ...request,
    state: 'starting',
    sinceMs: nowMs,
    stateSinceMs: nowMs,
    expiresAtMs: nowMs + request.leaseMs,
  };
  return {
    ledger: book(
      { ...ledger, leases: { ...ledger.leases, [lease.leaseId]: lease } },
      lease.pool,
      lease.gpus.length,
      1,
      nowMs,
    ),
    refusal: null,
  };
}

function placementRefusal(ledger: Ledger, gpuIds: readonly string[]): Refusal | null {
  const gpus = gpuIds.map((id) => ledger.inventory.find((gpu) => gpu.id === id));
  if (gpus.some((gpu) => !gpu || gpu.island !== gpus[0]?.island)) return 'placement';
  if (new Set(gpuIds).size !== gpuIds.length) return 'placement';
  const free = new Set(freeGpus(ledger).map((gpu) => gpu.id));
  return gpuIds.every((id) => free.has(id)) ? null : 'inventory';
}

/** Renews a lease in the name of its worker; `renewed` is false when this worker has no such lease. */
export function renew(
  ledger: Ledger,
  leaseId: string,
  workerId: string,
  nowMs: number,
): { ledger: Ledger; renewed: boolean } {
  const lease = ledger.leases[leaseId];
  if (lease?.workerId !== workerId) return { ledger, renewed: false };
  const first = lease.state === 'starting';
  const renewed: Lease = {
    ...lease,
    expiresAtMs: nowMs + lease.leaseMs,
    state: first ? 'running' : lease.state,
    stateSinceMs: first ? nowMs : lease.stateSinceMs,
  };
  return { ledger: { ...ledger, leases: { ...ledger.leases, [leaseId]: renewed } }, renewed: true };
}

/** Sets the state of a lease that exists. */
export function mark(ledger: Ledger, leaseId: string, state: Lease['state'], nowMs: number): Ledger {
  const lease = ledger.leases[leaseId];
  if (!lease || lease.state === state) return ledger;
  return { ...ledger, leases: { ...ledger.leases, [leaseId]: { ...lease, state, stateSinceMs: nowMs } } };
}

/** Ends a lease; one that is gone already changes nothing. */
export function release(ledger: Ledger, leaseId: string, nowMs: number): Ledger {
  const lease = ledger.leases[leaseId];
  if (!lease) return ledger;
  const { [leaseId]: _ended, ...leases } = ledger.leases;
  return book({ ...ledger, leases }, lease.pool, -lease.gpus.length, -1, nowMs);
}

/**
 * Names the leases that ran out. After a gap of more than `gapMs` between sweeps no worker can be blamed for not
 * having renewed (the store was away), so that all leases get one full lease time instead.
 */
export function sweep(ledger: Ledger, gapMs: number, nowMs: number): { ledger: Ledger; expired: string[] } {
  const swept = { ...ledger, sweptAtMs: nowMs };
  const leases = Object.values(ledger.leases);
  if (nowMs - ledger.sweptAtMs > gapMs) {
    const extended = leases.map((l) => ({ ...l, expiresAtMs: Math.max(l.expiresAtMs, nowMs + l.leaseMs) }));
    return {
      ledger: { ...swept, leases: Object.fromEntries(extended.map((l) => [l.leaseId, l])) },
      expired: [],
    };
  }
  return { ledger: swept, expired: leases.filter((l) => l.expiresAtMs <= nowMs).map((l) => l.leaseId) };
}

/** Ends those of the named leases that are past their time. */
export function reclaim(ledger: Ledger, leaseIds: readonly string[], nowMs: number): Ledger {
  return leaseIds
    .filter((id) => (ledger.leases[id]?.expiresAtMs ?? Number.POSITIVE_INFINITY) <= nowMs)
    .reduce((state, id) => release(state, id, nowMs), ledger);
}

/** The generation rule: older is dropped, the same changes nothing, newer stands from now on. */
export function applyOrder(
  ledger: Ledger,
  order: ScaleOrder,
): { ledger: Ledger; verdict: 'applied' | 'same' | 'stale' } {
  const standing = ledger.desired[order.pool]?.generation ?? Number.NEGATIVE_INFINITY;
  if (order.generation < standing) return { ledger, verdict: 'stale' };
  if (order.generation === standing) return { ledger, verdict: 'same' };
  return {
    ledger: { ...ledger, desired: { ...ledger.desired, [order.pool]: order } },
    verdict: 'applied',
  };
}

/** GPU-seconds of a pool (or `ALL_POOLS`), the running part included. */
export function gpuSeconds(ledger: Ledger, name: string, nowMs: number): number {
  const account = accountOf(ledger, name);
  return (account.gpuMs + account.gpus * Math.max(0, nowMs - account.sinceMs)) / 1000;
}

function book(ledger: Ledger, pool: string, gpus: number, workers: number, nowMs: number): Ledger {
  const accounts = { ...ledger.accounts };
  for (const name of [pool, ALL_POOLS]) {
    const before = accountOf(ledger, name);
    accounts[name] = {
      gpus: before.gpus + gpus,
      workers: before.workers + workers,
      gpuMs: before.gpuMs + before.gpus * Math.max(0, nowMs - before.sinceMs),
      sinceMs: nowMs,
      peak: Math.max(before.peak, before.gpus + gpus),
    };
  }
  return { ...ledger, accounts };
}
