import { type ClassicBudget, floorBudget, gpusOf, type Replicas } from './budget.js';

/** A GPU budget with a floor, of the later planner; a negative bound is off. */
export interface BudgetBand extends ClassicBudget {
  minGpus: number;
}

/**
 * proportional_clamp_pair: shrinks a pair under the ceiling by the floor rule, or grows it in proportion to the floor.
 * With both bounds on, the floor is met within the larger engine's GPUs; what cannot be met is left as it is.
 */
export function clampPair(want: Replicas, band: BudgetBand): Replicas {
  const { prefillGpus, decodeGpus, minGpus, maxGpus } = band;
  if ((minGpus < 0 && maxGpus < 0) || prefillGpus <= 0 || decodeGpus <= 0) return want;
  const total = gpusOf(want, band);
  if (maxGpus >= 0 && total > maxGpus) return floorBudget(want, band);
  const tolerance = maxGpus >= 0 ? Math.max(prefillGpus, decodeGpus) : 0;
  if (minGpus < 0 || total >= minGpus - tolerance) return want;
  const grown = growPair(want, total, band);
  return maxGpus >= 0 && gpusOf(grown, band) > maxGpus ? want : grown;
}

function growPair(want: Replicas, total: number, band: BudgetBand): Replicas {
  const { prefillGpus, decodeGpus, minEndpoint, minGpus } = band;
  const share = total <= 0 ? minGpus / 2 / prefillGpus : want.prefill * (minGpus / total);
  const prefill = Math.max(minEndpoint, Math.ceil(share));
  const rest = Math.max(0, minGpus - prefill * prefillGpus);
  return { prefill, decode: Math.max(minEndpoint, Math.ceil(rest / decodeGpus)) };
}

/** proportional_clamp_single: the same for one role; 0 where the minimum does not fit under the ceiling. */
export function clampSingle(
  want: number,
  gpus: number,
  band: { minGpus: number; maxGpus: number; minEndpoint: number },
): number {
  const { minGpus, maxGpus, minEndpoint } = band;
  if ((minGpus < 0 && maxGpus < 0) || gpus <= 0) return want;
  const total = want * gpus;
  if (maxGpus >= 0 && total > maxGpus) {
    return maxGpus < minEndpoint * gpus ? 0 : Math.max(minEndpoint, Math.floor(maxGpus / gpus));
  }
  const tolerance = maxGpus >= 0 ? gpus : 0;
  if (minGpus < 0 || total >= minGpus - tolerance) return want;
  const grown = Math.max(minEndpoint, Math.ceil(minGpus / gpus));
  return maxGpus >= 0 && grown * gpus > maxGpus ? want : grown;
}
