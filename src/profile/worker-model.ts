import { kvCapacityTokens } from './capacity.js';
import { chunkSeconds, frontEndSeconds, lawFor } from './law.js';
import type { Profile, StepLaw } from './types.js';

/** Prompts of about one length. */
export interface PromptClass {
  /** 0..1 of all requests. */
  share: number;
  /** ISL, tokens. */
  tokens: number;
}

/** Requests of about one prompt length, as a worker that is never idle sees them. */
export interface RequestClass extends PromptClass {
  /** Worker seconds that one request takes up; their mean over the classes is 1 / rps. */
  workSeconds: number;
  /** From the moment at which its turn comes until its first token. */
  ownSeconds: number;
}

/** What one worker does with a mixture of requests; plain numbers, so that decisions stay pure. */
export interface WorkerModel {
  /** Requests/s of a worker that is never idle, mean ITL within target; 0: not even a lone request is. */
  rps: number;
  /** Sequences that decode at once then: more would take the mean ITL over its target, or do not fit. */
  sequences: number;
  /** Mean ITL then, seconds; 0 for requests of one token. */
  itlSeconds: number;
  classes: readonly RequestClass[];
}

export interface WorkerModelTarget {
  prompts: readonly PromptClass[];
  /** Mean output length, tokens. */
  osl: number;
  /** What mean ITL is planned for, seconds. */
  itlSeconds: number;
  gpuMemoryUtilization: number;
  maxSequences: number;
  /** Token budget M of one step. */
  maxBatchedTokens: number;
}

/**
 * The throughput of one aggregated worker that always has prompts to compute, and what each class takes of it.
 *
 * With B sequences decoding, m = osl - 1 steps a request, d(B) = b0 + (b1 + b2 c) B at mean context c = isl + osl / 2, and
 * w the mean of a1 n + a2 n^2 over the prompts, a step lasts s(B) = d(B) + B w / m, since B / m prompts come in each, and
 * by Little's law the worker passes B / (m s(B)) requests per second. B is the smallest of
 *   M m / (isl + m)                             prompts fill what decoding leaves of the token budget
 *   maxSequences, KV tokens / (isl + osl)       what fits
 *   (ITL target - b0) / (b1 + b2 c + w / m)     s(B) = ITL target.
 * Where the budget binds, a request takes of each step's fixed part as its prompt takes of the budget; else each the same.
 */
export function workerModel(profile: Profile, tp: number, target: WorkerModelTarget): WorkerModel {
  const law = lawFor(profile, tp);
  const { prompts, osl, maxBatchedTokens: budget } = target;
  const isl = mean(prompts, ({ tokens }) => tokens);
  const prompt = mean(prompts, ({ tokens }) => chunkSeconds(law, 0, tokens));
  const steps = Math.max(0, osl - 1);
  const kv = kvCapacityTokens(profile, tp, target.gpuMemoryUtilization);
  const fits = Math.min(target.maxSequences, kv / (isl + osl));
  if (fits < 1) return { rps: 0, sequences: 0, itlSeconds: 0, classes: [] };
  const slope = law.itl[1] + law.itl[2] * (isl + osl / 2);
  const byBudget = sequencesWithinBudget(budget, isl, osl);
  const byItl = sequencesWithinItl(law, target.itlSeconds, isl, osl, prompt);
  const sequences = Math.min(byBudget, fits, byItl);
  if (steps > 0 && !(byItl > 0)) return { rps: 0, sequences: 0, itlSeconds: 0, classes: [] };
  const decode = law.itl[0] + slope * sequences;
  const room = Math.max(1, budget - sequences);
  const bound = sequences >= byBudget;
  const seconds = bound ? prompt + (isl / room) * decode : (steps * decode) / sequences + prompt;
  const step = bound ? decode + (room / isl) * prompt : decode + (sequences * prompt) / steps;
  const rest = seconds - prompt;
  return {
    rps: 1 / seconds,
    sequences,
    itlSeconds: steps === 0 ? 0 : step,
    classes: prompts.map(({ share, tokens }) => ({
      share,
      tokens,
      workSeconds: chunkSeconds(law, 0, tokens) + rest * (bound ? tokens / isl : 1),
      ownSeconds: ownSeconds(law, tokens, decode, room, step),
    })),
  };
}

/** Sequences with which the prompts fill what decoding leaves of a step's budget of M tokens: M (osl - 1) / (isl + osl - 1). */
export function sequencesWithinBudget(budget: number, isl: number, osl: number): number {
  const steps = Math.max(0, osl - 1);
  return (budget * steps) / (isl + steps);
}

/**
 * Sequences with which a mean step, s(B) = b0 + (b1 + b2 (isl + osl / 2)) B + B w / (osl - 1), lasts `itlSeconds`;
 * Infinity for requests of one token. `promptSeconds`: w, what a prompt adds to its steps in the mean.
 */
export function sequencesWithinItl(
  law: StepLaw,
  itlSeconds: number,
  isl: number,
  osl: number,
  promptSeconds: number,
): number {
  const steps = osl - 1;
  if (steps <= 0) return Number.POSITIVE_INFINITY;
  const slope = law.itl[1] + law.itl[2] * (isl + osl / 2) + promptSeconds / steps;
  return (itlSeconds - law.itl[0]) / slope;
}

/** Front end, half of the step under way, and the prompt's own steps beside what decodes. */
function ownSeconds(law: StepLaw, tokens: number, decode: number, room: number, step: number): number {
  return frontEndSeconds(law) + step / 2 + chunkSeconds(law, 0, tokens) + Math.ceil(tokens / room) * decode;
}

function mean(prompts: readonly PromptClass[], of: (prompt: PromptClass) => number): number {
  let sum = 0;
  let shares = 0;
  for (const prompt of prompts) {
    sum += prompt.share * of(prompt);
    shares += prompt.share;
  }
  return shares > 0 ? sum / shares : Number.NaN;
}
