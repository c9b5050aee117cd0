import type { WorkerFailure } from '../../contract/lease.js';
import type { ScaleGrant, ScaleOrder } from '../../contract/scale.js';
import type { WorkerRole } from '../../contract/worker.js';
import type { Budget } from './inventory.js';
import { acquire, chooseGpus, type LeaseRequest, type Ledger, type Refusal } from './ledger.js';
import { askedOf, reconcile, type WorkerView } from './reconcile.js';
import { restartVerdict } from './restarts.js';

export interface PoolSituation {
  pool: string;
  /** GPUs per worker. */
  tp: Record<WorkerRole, number>;
  /** null: no order was ever given, so nothing is started or stopped. */
  desired: ScaleOrder | null;
  workers: readonly WorkerView[];
  failures: Partial<Record<WorkerRole, WorkerFailure>>;
}

export interface PoolPlan {
  /** The ledger as it will be, for the pools that are planned after this one. */
  ledger: Ledger;
  drain: string[];
  resume: string[];
  start: LeaseRequest[];
  /** null without an order. */
  grant: ScaleGrant | null;
}

/** Makes ids for new workers and leases. */
export type NewId = () => string;

/**
 * Plans one pool: what to drain, take back and start, and what to tell its planner.
 * A replica that waits for its restart delay counts as granted and keeps its GPUs from the pools planned later:
 * the allocator stands behind it. A replica given up as a crash loop does not. An order beyond the pool's budget counts
 * as one for what the budget allows: it may have been given under a larger one.
 */
export function planPool(
  before: Ledger,
  situation: PoolSituation,
  leaseMs: number,
  nowMs: number,
  newId: NewId,
): PoolPlan {
  const { pool, desired, workers } = situation;
  const plan: PoolPlan = { ledger: before, drain: [], resume: [], start: [], grant: null };
  if (!desired) return plan;
  const asked = { prefill: desired.prefill, decode: desired.decode };
  const allowed = withinBudget(before.budgets[pool], asked, situation.tp);
  const missing: Record<WorkerRole, number> = { vllm: 0, prefill: 0 };
  let shortage: ScaleGrant['shortage'] = 'none';

  for (const action of reconcile(allowed, workers)) {
    if (action.kind === 'drain') plan.drain.push(action.workerId);
    else if (action.kind === 'resume') plan.resume.push(action.workerId);
    else {
      const { role, count } = action;
      const verdict = restartVerdict(situation.failures[role] ?? null, nowMs);
      const { taken, refusal } =
        verdict === 'gave-up'
          ? { taken: 0, refusal: null }
          : take(plan, situation, role, count, verdict === 'start', leaseMs, nowMs, newId);
      missing[role] = count - taken;
      if (missing[role] > 0 && shortage === 'none') shortage = refusal ?? 'crash-loop';
    }
  }
  if (shortage === 'none' && (allowed.decode < asked.decode || allowed.prefill < asked.prefill))
    shortage = 'budget';
  const granted = {
    prefill: askedOf(allowed, 'prefill') - missing.prefill,
    decode: askedOf(allowed, 'vllm') - missing.vllm,
  };
  const status = shortage === 'none' ? 'applied' : 'partial';
  plan.grant = { pool, generation: desired.generation, status, asked, granted, shortage, atMs: nowMs };
  return plan;
}

/** The replicas of an order that a budget has room for, decode first; none without a budget. */
function withinBudget(
  budget: Budget | undefined,
  asked: { prefill: number; decode: number },
  tp: Record<WorkerRole, number>,
): { prefill: number; decode: number } {
  const { ceiling, maxWorkers } = budget ?? { ceiling: 0, maxWorkers: 0 };
  const decode = Math.min(asked.decode, maxWorkers, Math.floor(ceiling / tp.vllm));
  const left = ceiling - decode * tp.vllm;
  const prefill = Math.min(asked.prefill, maxWorkers - decode, Math.floor(left / tp.prefill));
  return { prefill, decode };
}

/** Takes up to `count` leases on the planning ledger; those to be started now are added to the plan. */
function take(
  plan: PoolPlan,
  { pool, tp, desired }: PoolSituation,
  role: WorkerRole,
  count: number,
  startNow: boolean,
  leaseMs: number,
  nowMs: number,
  newId: NewId,
): { taken: number; refusal: Refusal | null } {
  for (let taken = 0; taken < count; taken++) {
    const { gpus, refusal } = chooseGpus(plan.ledger, pool, tp[role]);
    if (refusal) return { taken, refusal };
    const id = newId();
    const request: LeaseRequest = {
      leaseId: `lease-${id}`,
      pool,
      role,
      workerId: `${pool}-${role}-${id}`,
      host: gpus[0]?.host ?? '',
      gpus: gpus.map((gpu) => gpu.id),
      generation: desired?.generation ?? 0,
      leaseMs,
    };
    plan.ledger = acquire(plan.ledger, request, nowMs).ledger;
    if (startNow) plan.start.push(request);
  }
  return { taken: count, refusal: null };
}
