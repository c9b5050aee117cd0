import { workerCapacityRps } from '../../profile/capacity.js';
import { lawFor } from '../../profile/law.js';
import { assessFeasibility, loneItl, loneTtft, watchedLengths } from './assess.js';
import type { Feasibility, FeasibilityQuestion, Remedy, WorkerCapacity } from './question.js';

/** Budgets beyond this many times the pool's own are no advice. */
const MOST_BUDGET = 64;
/** Targets beyond this many times the pool's own are no advice. */
const MOST_TARGET = 64;
/** Digits of an advised target; it is rounded up. */
const TARGET_DIGITS = 2;

/**
 * What would make an infeasible pool feasible, each by itself: another TP degree of the profile in the same budget, a
 * larger budget, looser targets. The least of each kind; none where nothing of the kind helps, or where it is feasible.
 * A fraction of a millisecond: to be asked when the verdict changes, not on every plan.
 */
export function remediesFor(
  question: FeasibilityQuestion,
  verdict: Feasibility,
  capacity: WorkerCapacity = workerCapacityRps,
): Remedy[] {
  if (verdict.feasible) return [];
  const found = [
    otherTp(question, capacity),
    largerBudget(question, capacity),
    looserTargets(question, verdict, capacity),
  ];
  return found.filter((remedy) => remedy !== null);
}

function otherTp(question: FeasibilityQuestion, capacity: WorkerCapacity): Remedy | null {
  for (const tp of degrees(question)) {
    if (tp > question.gpuCeiling) break;
    const asked = { ...question, tp: { prefill: tp, decode: tp } };
    const verdict = assessFeasibility(asked, capacity);
    if (verdict.feasible) return { kind: 'tp', tp, gpus: verdict.gpusNeeded ?? tp };
  }
  return null;
}

/** At the present TP where more workers are enough, else at the TP that takes the fewest GPUs. */
function largerBudget(question: FeasibilityQuestion, capacity: WorkerCapacity): Remedy | null {
  const most = question.gpuCeiling * MOST_BUDGET;
  const own = budgetAt(question, question.tp, most, capacity);
  if (own !== null) return { kind: 'budget', tp: question.tp.decode, gpus: own };
  const others = degrees(question).flatMap((tp) => {
    const gpus = budgetAt(question, { prefill: tp, decode: tp }, most, capacity);
    return gpus === null ? [] : [{ kind: 'budget' as const, tp, gpus }];
  });
  const least = others.sort((a, b) => a.gpus - b.gpus)[0];
  // In the budget there is: another TP is the remedy, not more GPUs.
  return least === undefined || least.gpus <= question.gpuCeiling ? null : least;
}

function budgetAt(
  question: FeasibilityQuestion,
  tp: FeasibilityQuestion['tp'],
  most: number,
  capacity: WorkerCapacity,
): number | null {
  const asked = { ...question, tp, gpuCeiling: most, maxWorkers: most };
  const { feasible, gpusNeeded } = assessFeasibility(asked, capacity);
  return feasible ? Math.max(gpusNeeded ?? 0, tp.decode) : null;
}

function looserTargets(
  question: FeasibilityQuestion,
  { shortfalls }: Feasibility,
  capacity: WorkerCapacity,
): Remedy | null {
  if (shortfalls.some(({ kind }) => kind === 'memory')) return null;
  const { targets, disaggregated, tp, profile, maxBatchedTokens } = question;
  const watched = watchedLengths(question);
  const promptLaw = lawFor(profile, disaggregated ? tp.prefill : tp.decode);
  const alone = {
    ttftSeconds: loneTtft(promptLaw, maxBatchedTokens, watched.isl),
    itlSeconds: loneItl(lawFor(profile, tp.decode), watched),
  };
  // What a lone request takes is the least; the load may ask for more. A target that is enough stays as it is, unrounded.
  const looser = (target: number, least: number, factor: number) => {
    const wanted = Math.max(target, least) * factor;
    return wanted > target ? Math.max(target, roundUp(wanted)) : target;
  };
  const at = (factor: number, { ttft, itl }: Loosened) => ({
    ttftSeconds: looser(targets.ttftSeconds, alone.ttftSeconds, ttft ? factor : 1),
    itlSeconds: looser(targets.itlSeconds, alone.itlSeconds, itl ? factor : 1),
  });
  const ways = LOOSENED.flatMap((which) => {
    const enough = (factor: number) =>
      assessFeasibility({ ...question, targets: at(factor, which) }, capacity).feasible;
    const factor = leastFactor(enough);
    return factor === null ? [] : [{ factor, advised: at(factor, which) }];
  });
  const least = ways.sort((a, b) => a.factor - b.factor)[0];
  if (least === undefined) return null;
  const changed = (advised: number, target: number) => (advised > target ? advised : null);
  const ttftSeconds = changed(least.advised.ttftSeconds, targets.ttftSeconds);
  const itlSeconds = changed(least.advised.itlSeconds, targets.itlSeconds);
  return ttftSeconds === null && itlSeconds === null ? null : { kind: 'target', ttftSeconds, itlSeconds };
}

interface Loosened {
  ttft: boolean;
  itl: boolean;
}
/** One target where that is enough. */
const LOOSENED: readonly Loosened[] = [
  { ttft: true, itl: false },
  { ttft: false, itl: true },
  { ttft: true, itl: true },
];

/** The least factor from 1 that is enough, to a percent or so; null: none in reach. */
function leastFactor(enough: (factor: number) => boolean): number | null {
  if (enough(1)) return 1;
  if (!enough(MOST_TARGET)) return null;
  let [low, high] = [1, MOST_TARGET];
  for (let round = 0; round < 9; round++) {
    const middle = Math.sqrt(low * high);
    if (enough(middle)) high = middle;
    else low = middle;
  }
  return high;
}

function degrees({ profile }: FeasibilityQuestion): number[] {
  return Object.keys(profile.tp)
    .map(Number)
    .sort((a, b) => a - b);
}

function roundUp(seconds: number): number {
  const unit = 10 ** (Math.floor(Math.log10(seconds)) + 1 - TARGET_DIGITS);
  return Number((Math.ceil(seconds / unit - 1e-9) * unit).toPrecision(TARGET_DIGITS + 1));
}
