import { roundHalfEven } from '../../profile/tables/rounding.js';
import { pythonMax, pythonMin } from './python.js';

/** What both roles of a deployment cost, and what they may. */
export interface ClassicBudget {
  /** GPUs of one engine. */
  prefillGpus: number;
  decodeGpus: number;
  /** Fewest replicas of each role. */
  minEndpoint: number;
  /** GPUs of both roles together; below 0: no limit under the floor rule (the round rule knows none). */
  maxGpus: number;
}

export interface Replicas {
  prefill: number;
  decode: number;
}

/** `round`: planner_core before Dynamo e2f1e04f1; `floor`: _apply_global_gpu_budget from then on. */
export type BudgetRule = 'round' | 'floor';

export function applyBudget(rule: BudgetRule, want: Replicas, budget: ClassicBudget): Replicas {
  return rule === 'round' ? roundBudget(want, budget) : floorBudget(want, budget);
}

export function gpusOf(replicas: Replicas, budget: ClassicBudget): number {
  return replicas.prefill * budget.prefillGpus + replicas.decode * budget.decodeGpus;
}

/**
 * scale = budget / total; prefill = max(min, round(prefill scale)); decode = max(min, round(rest / decodeGpus)).
 * Known faults, kept: rounding up and the minimum can exceed the budget, and a negative budget is no "unlimited" but
 * shrinks to the minimum.
 */
export function roundBudget(want: Replicas, budget: ClassicBudget): Replicas {
  const total = gpusOf(want, budget);
  if (!(total > budget.maxGpus)) return want;
  const scale = budget.maxGpus / total;
  const prefill = pythonMax(budget.minEndpoint, roundHalfEven(want.prefill * scale));
  const rest = budget.maxGpus - prefill * budget.prefillGpus;
  return { prefill, decode: pythonMax(budget.minEndpoint, roundHalfEven(rest / budget.decodeGpus)) };
}

/**
 * As `roundBudget` with floors, prefill also at most what leaves the minimum of decode; both 0 where the minimum of
 * both does not fit. Known faults, kept: decode takes what flooring left of prefill, so a prefill-heavy demand can be
 * turned into decode; a budget below the minimum takes the whole service away.
 */
export function floorBudget(want: Replicas, budget: ClassicBudget): Replicas {
  const { prefillGpus, decodeGpus, minEndpoint, maxGpus } = budget;
  if (maxGpus < 0) return want;
  const total = gpusOf(want, budget);
  if (total <= maxGpus) return want;
  if (maxGpus < minEndpoint * prefillGpus + minEndpoint * decodeGpus) return { prefill: 0, decode: 0 };
  const scale = maxGpus / total;
  const most = Math.floor((maxGpus - minEndpoint * decodeGpus) / prefillGpus);
  const prefill = pythonMax(minEndpoint, pythonMin(most, Math.floor(want.prefill * scale)));
  const rest = maxGpus - prefill * prefillGpus;
  return { prefill, decode: pythonMax(minEndpoint, Math.floor(rest / decodeGpus)) };
}
