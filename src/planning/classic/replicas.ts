import type { DecodeCell } from '../../profile/tables/decode.js';
import type { PrefillInterpolation } from '../../profile/tables/prefill.js';
import type { DecodeGrid } from '../../profile/tables/types.js';
import { applyBudget, type BudgetRule, type ClassicBudget, type Replicas } from './budget.js';
import { bestDecodePoint } from './decode-point.js';
import { pythonCeil, pythonMax, pythonMin } from './python.js';

/** The forecast of one adjustment interval. */
export interface ClassicLoad {
  /** Requests in the interval. */
  requests: number;
  /** Mean tokens of a prompt and of an answer. */
  isl: number;
  osl: number;
  intervalSeconds: number;
}

/** Observed over expected TTFT and ITL: 1 is as the profile says. */
export interface Corrections {
  prefill: number;
  decode: number;
}

/** Tokens/s and GPU that the planner counts on. */
export interface ClassicThroughput {
  prefillPerGpu: number;
  decodePerGpu: number;
}

/** Replicas by the formulas, before and after minimum and budget; null where Python raises (NaN, infinite load). */
export interface ReplicaPlan {
  /** Prompt and output tokens/s to be carried. */
  prefillTokensPerSecond: number;
  decodeTokensPerSecond: number;
  raw: { prefill: number | null; decode: number | null };
  beforeBudget: Replicas | null;
  replicas: Replicas | null;
}

/**
 * Dynamo's SLA planner (planner_core._compute_replica_requirements):
 *   prefill = ceil(requests x isl / interval x min(1, correction) / throughput / gpus)
 *   decode  = ceil(requests x osl / interval / throughput / gpus)
 * each at least the minimum, then within the budget by `rule` (null: none). A throughput of 0 or less yields the
 * minimum. Known faults, kept: means of the interval stand for the load, the TTFT target does not enter at all, and a
 * prefill correction above 1 (slower than profiled) is ignored.
 */
export function classicReplicas(
  load: ClassicLoad,
  throughput: ClassicThroughput,
  corrections: Corrections,
  budget: ClassicBudget,
  rule: BudgetRule | null,
): ReplicaPlan {
  const prefillTokensPerSecond =
    ((load.requests * load.isl) / load.intervalSeconds) * pythonMin(1, corrections.prefill);
  const decodeTokensPerSecond = (load.requests * load.osl) / load.intervalSeconds;
  const raw = {
    prefill: engines(prefillTokensPerSecond, throughput.prefillPerGpu, budget.prefillGpus, budget),
    decode: engines(decodeTokensPerSecond, throughput.decodePerGpu, budget.decodeGpus, budget),
  };
  const beforeBudget =
    raw.prefill === null || raw.decode === null
      ? null
      : {
          prefill: pythonMax(raw.prefill, budget.minEndpoint),
          decode: pythonMax(raw.decode, budget.minEndpoint),
        };
  const replicas =
    beforeBudget === null || rule === null ? beforeBudget : applyBudget(rule, beforeBudget, budget);
  return { prefillTokensPerSecond, decodeTokensPerSecond, raw, beforeBudget, replicas };
}

function engines(
  tokensPerSecond: number,
  throughputPerGpu: number,
  gpus: number,
  budget: ClassicBudget,
): number | null {
  if (throughputPerGpu <= 0) return budget.minEndpoint;
  return pythonCeil(tokensPerSecond / throughputPerGpu / gpus);
}

/**
 * The ITL target over the decode correction; a correction of 0 or less counts as 1. Known fault, kept: it knows no
 * bound, so one bad interval can ask for an ITL that no engine has.
 */
export function correctedItlMs(itlMs: number, decodeCorrection: number): number {
  return decodeCorrection <= 0 ? itlMs : itlMs / decodeCorrection;
}

/** A profile as the classic planner reads it. */
export interface ClassicProfile {
  prefill: PrefillInterpolation;
  grid: DecodeGrid;
}

export interface ProfiledPlan extends ReplicaPlan {
  prefillThroughputPerGpu: number;
  correctedItlMs: number;
  /** The decode cell that was chosen; null for a NaN length. */
  choice: DecodeCell | null;
}

/**
 * `classicReplicas` with the throughput of a profile: prefill at the mean ISL, decode the fullest cell whose ITL is
 * within the corrected target at a context of isl + osl / 2. Uses the recorded throughput columns, as upstream does.
 */
export function profiledReplicas(
  profile: ClassicProfile,
  load: ClassicLoad,
  targets: { itlMs: number },
  corrections: Corrections,
  budget: ClassicBudget,
  rule: BudgetRule | null,
): ProfiledPlan {
  const itlMs = correctedItlMs(targets.itlMs, corrections.decode);
  const choice = bestDecodePoint(profile.grid, itlMs, load.isl + load.osl / 2);
  const prefillThroughputPerGpu = profile.prefill.recordedThroughputPerGpu(load.isl);
  const throughput = {
    prefillPerGpu: prefillThroughputPerGpu,
    decodePerGpu: choice?.throughputPerGpu ?? Number.NaN,
  };
  const plan = classicReplicas(load, throughput, corrections, budget, rule);
  return { ...plan, prefillThroughputPerGpu, correctedItlMs: itlMs, choice };
}
