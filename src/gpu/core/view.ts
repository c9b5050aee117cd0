import type { Lease } from '../../contract/lease.js';
import type { Heartbeat } from '../../contract/worker.js';
import type { Budget, Gpu } from './inventory.js';
import { ALL_POOLS, emptyLedger, type Ledger } from './ledger.js';
import type { WorkerView } from './reconcile.js';

/**
 * A worker as its lease and its heartbeat show it. The lease says what was decided; the heartbeat counts against it
 * only when it was made more than `settleMs` after that decision, since a worker that has just been told to take
 * work again has not said so yet.
 */
export function viewOf(lease: Lease, heartbeat: Heartbeat | undefined, settleMs: number): WorkerView {
  const ending = heartbeat !== undefined && ['draining', 'stopped', 'failed'].includes(heartbeat.state);
  const endsByItself = ending && heartbeat.atMs > lease.stateSinceMs + settleMs;
  const asked = lease.state === 'draining';
  return {
    workerId: lease.workerId,
    leaseId: lease.leaseId,
    role: lease.role,
    state: asked || endsByItself ? 'draining' : heartbeat?.state === 'ready' ? 'ready' : 'starting',
    resumable: asked && (heartbeat?.state === 'ready' || heartbeat?.state === 'draining'),
    activeRequests: heartbeat?.activeRequests ?? 0,
    sinceMs: lease.sinceMs,
  };
}

/** A ledger to plan on, from what the configuration allows and the leases that stand. */
export function ledgerOf(
  inventory: readonly Gpu[],
  budgets: Record<string, Budget>,
  leases: readonly Lease[],
): Ledger {
  const ledger = emptyLedger(inventory, budgets);
  const accounts: Record<string, Ledger['accounts'][string]> = {};
  for (const lease of leases) {
    for (const name of [lease.pool, ALL_POOLS]) {
      accounts[name] ??= { gpus: 0, workers: 0, gpuMs: 0, sinceMs: 0, peak: 0 };
      accounts[name].gpus += lease.gpus.length;
      accounts[name].workers += 1;
    }
  }
  return { ...ledger, accounts, leases: Object.fromEntries(leases.map((l) => [l.leaseId, l])) };
}
