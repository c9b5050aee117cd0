import { backlogOf, isHeavy, needToWorkOff, worksOff } from './backlog.js';
import type { Prospects } from './model/prospects.js';
import { needFor } from './need.js';
import type { RatesAhead } from './rates.js';
import { atLeast, fits, floorOf, gpusOf, type Replicas, same } from './replicas.js';
import type { Sight } from './sight.js';
import { percent } from './words.js';

/** Fleet sizes on each side of what is ordered and of what is needed that are looked at. */
const BESIDE = 1;
/** Most sizes looked at. */
const MOST = 8;

/** One fleet that a plan considered. */
export interface Candidate {
  prefill: number;
  decode: number;
  gpus: number;
  /** 0..1 of requests predicted to miss target x buffer with it, and of the prompt work. */
  late: number;
  lateWork: number;
  /** It keeps the level, by the prediction. */
  holds: boolean;
  /** Why it is the choice, or what speaks against it. */
  why: string;
}

/**
 * The fleets about what is ordered and what the forecast needs, each with its predicted attainment and its cost, fewest GPUs
 * first. Empty: not the slow loop's turn, no forecast, or no capacity model. `other`: what the pool would need in the form that
 * it does not have, and why it keeps its own.
 */
export function candidatesOf(
  s: Sight,
  ahead: RatesAhead | null,
  other: { s: Sight; need: Replicas; why: string } | null = null,
): Candidate[] {
  const { prospects, policy, memory, spending } = s;
  if (prospects === null || ahead === null) return [];
  const floor = floorOf(memory.floor ?? policy.minWorkers, policy);
  const load = needFor(s, ahead.rates);
  if (load === null) return [];
  const backlog = backlogOf(s, ahead.mean);
  const heavy = backlog !== null && isHeavy(backlog) ? backlog : null;
  const need = atLeast(heavy === null ? load : atLeast(load, needToWorkOff(heavy, s)), floor);
  const weighed = (replicas: Replicas, by: Prospects, kept = ''): Candidate => {
    const { late, lateWork } =
      replicas.decode === 0 && ahead.mean <= 0 ? { late: 0, lateWork: 0 } : by.of(replicas, ahead.rates);
    const gpus = gpusOf(replicas, policy);
    const inTime = late <= spending.late && lateWork <= spending.lateWork;
    const holds = inTime && (heavy === null || kept !== '' || worksOff(replicas, heavy, s));
    const why = !fits(replicas, policy)
      ? `beyond the limits of ${policy.gpuCeiling} GPUs and ${policy.maxWorkers} workers`
      : !inTime
        ? late > spending.late
          ? `${percent(late)} late, ${percent(spending.late)} may be`
          : `${percent(lateWork)} of the prompt tokens late, ${percent(spending.lateWork)} may be`
        : !holds
          ? 'too few to work off what stands aside'
          : same(replicas, need)
            ? 'the fewest GPUs that keep the level'
            : kept !== ''
              ? kept
              : beside(gpus - gpusOf(need, policy));
    return { ...replicas, gpus, late, lateWork, holds, why };
  };
  const own = around(need, memory.desired, floor).map((replicas) => weighed(replicas, prospects));
  if (other === null || other.s.prospects === null) return own;
  const forms = [...own, weighed(other.need, other.s.prospects, other.why)];
  return forms.toSorted((a, b) => a.gpus - b.gpus);
}

function beside(gpus: number): string {
  return gpus === 0
    ? 'keeps the level too, with as many GPUs'
    : `keeps the level too, with ${counted(gpus, 'GPU')} more`;
}

function counted(n: number, name: string): string {
  return `${n} ${name}${n === 1 ? '' : 's'}`;
}

/** In a disaggregated pool both roles move together, each about its own need. */
function around(need: Replicas, desired: Replicas, floor: Replicas): Replicas[] {
  const low = Math.max(floor.decode, Math.min(need.decode, desired.decode) - BESIDE);
  const high = Math.max(need.decode, desired.decode) + BESIDE;
  const sizes: Replicas[] = [];
  for (let decode = low; decode <= high; decode++) {
    const near = [need.decode, desired.decode].some((of) => Math.abs(decode - of) <= BESIDE);
    if (near || high - low < MOST) sizes.push({ prefill: need.prefill, decode });
  }
  if (!sizes.some((one) => same(one, desired))) sizes.push(desired);
  return sizes.toSorted((a, b) => a.decode + a.prefill - (b.decode + b.prefill));
}
