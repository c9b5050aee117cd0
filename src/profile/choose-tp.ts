import { SluiceError } from '../contract/errors.js';
import { kvCapacityTokens } from './capacity.js';
import { itlSeconds, ttftSeconds } from './law.js';
import type { Profile } from './types.js';

export interface TensorParallelismQuestion {
  targets: { ttftSeconds: number; itlSeconds: number };
  /** 0..1: targets are met with this factor. */
  buffer: number;
  /** Tokens. */
  expected: { isl: number; osl: number };
  /** GPUs that the pool may hold. */
  gpuBudget: number;
  /** 0..1 */
  gpuMemoryUtilization: number;
  /** `prefill` workers answer for the TTFT alone; the others (default) for TTFT and ITL. */
  phase?: 'whole' | 'prefill';
}

/**
 * GPUs per worker for `tensor_parallelism: auto`: the fewest whose unloaded TTFT and ITL (one sequence of the expected
 * length, its cache half grown) meet target x buffer, whose memory holds the model and one expected request, and of
 * which one replica fits the budget. Where none meets the targets: the fastest that fits.
 * @throws SluiceError invalid_config when no degree of the profile fits memory and budget.
 */
export function chooseTensorParallelism(
  profile: Profile,
  question: TensorParallelismQuestion,
): { tp: number; why: string } {
  const { targets, buffer, expected, gpuBudget } = question;
  const ttftLimit = targets.ttftSeconds * buffer;
  const itlLimit = question.phase === 'prefill' ? Number.POSITIVE_INFINITY : targets.itlSeconds * buffer;
  const candidates = Object.keys(profile.tp)
    .map(Number)
    .sort((a, b) => a - b)
    .filter((tp) => tp <= gpuBudget)
    .filter(
      (tp) => kvCapacityTokens(profile, tp, question.gpuMemoryUtilization) >= expected.isl + expected.osl,
    )
    .map((tp) => {
      const ttft = ttftSeconds(profile, tp, expected.isl);
      const itl = itlSeconds(profile, tp, 1, expected.isl + expected.osl / 2);
      return { tp, ttft, itl, share: Math.max(ttft / ttftLimit, itl / itlLimit) };
    });
  const fitting = candidates.find((candidate) => candidate.share <= 1);
  const chosen = fitting ?? candidates.toSorted((a, b) => a.share - b.share)[0];
  if (!chosen) {
    throw new SluiceError(
      'invalid_config',
      `tensor_parallelism auto: no degree of profile ${profile.name} (${Object.keys(profile.tp).join(', ')}) fits ` +
        `a budget of ${gpuBudget} GPUs and holds ${expected.isl + expected.osl} KV tokens at memory utilisation ` +
        `${question.gpuMemoryUtilization}; raise the budget or the utilisation`,
    );
  }
  const figures = [`unloaded TTFT ${ms(chosen.ttft)} for ${expected.isl} tokens against ${ms(ttftLimit)}`];
  if (itlLimit < Number.POSITIVE_INFINITY) figures.push(`ITL ${ms(chosen.itl)} against ${ms(itlLimit)}`);
  const verdict = fitting
    ? 'the fewest GPUs per worker that meet target x buffer'
    : 'no degree meets target x buffer, this is the fastest that fits';
  const replicas = Math.floor(gpuBudget / chosen.tp);
  return {
    tp: chosen.tp,
    why: `TP ${chosen.tp}: ${verdict} (${figures.join(', ')}; ${replicas} replicas fit ${gpuBudget} GPUs)`,
  };
}

function ms(seconds: number): string {
  return `${(seconds * 1000).toFixed(1)} ms`;
}
