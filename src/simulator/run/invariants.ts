import { SluiceError } from '../../contract/errors.js';
import type { PoolObservation } from '../../contract/observation.js';
import type { ScaleOrder } from '../../contract/scale.js';
import type { Ledger } from '../../gpu/core/ledger.js';

/** The design's invariants, as far as virtual time can break them. Always on; a broken one ends the run. */

function broken(message: string): SluiceError {
  return new SluiceError('internal', `the simulation broke an invariant: ${message}`);
}

/** Invariant 2: leased GPUs never exceed the inventory, a pool's leases never its budget; no GPU is in two leases. */
export function checkLedger({ leases, inventory, budgets }: Ledger): void {
  const known = new Set(inventory.map((gpu) => gpu.id));
  const held = new Set<string>();
  const byPool = new Map<string, { gpus: number; workers: number }>();
  for (const { pool, gpus, leaseId } of Object.values(leases)) {
    for (const gpu of gpus) {
      if (!known.has(gpu)) throw broken(`lease ${leaseId} holds ${gpu}, which the inventory does not have`);
      if (held.has(gpu)) throw broken(`GPU ${gpu} is in two leases`);
      held.add(gpu);
    }
    const sum = byPool.get(pool) ?? { gpus: 0, workers: 0 };
    byPool.set(pool, { gpus: sum.gpus + gpus.length, workers: sum.workers + 1 });
  }
  for (const [pool, sum] of byPool) {
    const budget = budgets[pool];
    if (budget === undefined || sum.gpus > budget.ceiling || sum.workers > budget.maxWorkers)
      throw broken(`pool ${pool} holds ${sum.gpus} GPUs in ${sum.workers} workers, beyond its budget`);
  }
}

/** Invariant 5: missing or stale telemetry never causes a scale-down. */
export function checkOrder(
  order: ScaleOrder,
  before: ScaleOrder | undefined,
  seen: PoolObservation,
  staleSeconds: number,
): void {
  if (before === undefined || order.generation === before.generation) return;
  const blind = seen.telemetryAgeSeconds === null || seen.telemetryAgeSeconds > staleSeconds;
  if (blind && (order.decode < before.decode || order.prefill < before.prefill))
    throw broken(`order ${order.generation} of ${order.pool} takes workers away on stale telemetry`);
}

/** Invariant 1: a request ends once. */
export function checkOpen(job: { open: boolean }): void {
  if (!job.open) throw broken('a request ended twice');
}

/** Invariant 3: a worker that drains, starts or is gone takes nothing. */
export function checkTakes(worker: { id: string; serves: boolean }): void {
  if (!worker.serves) throw broken(`worker ${worker.id} took a request and does not serve`);
}
