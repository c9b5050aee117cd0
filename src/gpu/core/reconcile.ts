import type { WorkerRole } from '../../contract/worker.js';

/** A worker as the allocator sees it, from its lease and its heartbeat. */
export interface WorkerView {
  workerId: string;
  leaseId: string;
  role: WorkerRole;
  state: 'starting' | 'ready' | 'draining';
  /** Whether a drain can still be taken back. */
  resumable: boolean;
  activeRequests: number;
  sinceMs: number;
}

export type ReconcileAction =
  | { kind: 'start'; role: WorkerRole; count: number }
  | { kind: 'drain'; workerId: string }
  | { kind: 'resume'; workerId: string };

const ROLES: readonly WorkerRole[] = ['vllm', 'prefill'];

/** Replicas that an order asks for in a role. */
export function askedOf(asked: { prefill: number; decode: number }, role: WorkerRole): number {
  return role === 'vllm' ? asked.decode : asked.prefill;
}

/**
 * What brings the workers of one pool to the desired replicas. It looks only at what is there now, so that it may run
 * any number of times. More wanted: drains are taken back first (a warm engine is worth a cold start), then new
 * workers start. Fewer wanted: those drain whose end disturbs least, see `byDisturbance`.
 * Decode comes before prefill: a prefill worker alone serves nothing.
 */
export function reconcile(
  desired: { prefill: number; decode: number },
  workers: readonly WorkerView[],
): ReconcileAction[] {
  return ROLES.flatMap((role) => {
    const mine = workers.filter((worker) => worker.role === role);
    const serving = mine.filter((worker) => worker.state !== 'draining');
    const missing = askedOf(desired, role) - serving.length;
    if (missing < 0) {
      return serving
        .toSorted(byDisturbance)
        .slice(0, -missing)
        .map((worker): ReconcileAction => ({ kind: 'drain', workerId: worker.workerId }));
    }
    const back = mine
      .filter((worker) => worker.state === 'draining' && worker.resumable)
      .toSorted((a, b) => byDisturbance(b, a))
      .slice(0, missing);
    const actions: ReconcileAction[] = back.map((worker) => ({
      kind: 'resume',
      workerId: worker.workerId,
    }));
    const count = missing - back.length;
    return count > 0 ? [...actions, { kind: 'start', role, count }] : actions;
  });
}

/** Least disturbing end first: a worker that still starts, then fewest active requests, then the youngest. */
function byDisturbance(a: WorkerView, b: WorkerView): number {
  return (
    Number(a.state !== 'starting') - Number(b.state !== 'starting') ||
    a.activeRequests - b.activeRequests ||
    b.sinceMs - a.sinceMs ||
    (a.workerId < b.workerId ? -1 : 1)
  );
}
