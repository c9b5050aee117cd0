import { kvCapacityTokens } from './capacity.js';
import { chunkSeconds, frontEndSeconds, lawFor } from './law.js';
import type { Profile } from './types.js';
import {
  type PromptClass,
  sequencesWithinItl,
  type WorkerModel,
  type WorkerModelTarget,
  workerModel,
} from './worker-model.js';

/** Both halves of a pool whose long prompts go prefill, then decode. */
export interface Halves {
  /** Of the long prompts alone. */
  prefill: WorkerModel;
  /** Of all requests: long ones come with their KV, short ones are served whole. */
  decode: WorkerModel;
  /** 0..1 of the requests that are long. */
  split: number;
}

/**
 * What one worker of each half sustains; null: no prompt is long enough.
 *
 * A decode worker computes only the short prompts. With w and u their step time and tokens in the mean over all requests,
 * m = osl - 1 and d(B) = b0 + (b1 + b2 c) B at mean context c, a step lasts s(B) = d(B) + B w / m (worker-model.ts), and
 * the budget of a step binds at M m / (u + m). A request that is handed over waits for front end and KV transfer before
 * its second token, so (front end + transfer) / m of its mean ITL is taken from the target first.
 * `minPromptTokens`: prompts at least this long are long. `itlSeconds`, as in `WorkerModelTarget`, is what is planned for.
 */
export function halfModels(
  profile: Profile,
  tp: { prefill: number; decode: number },
  target: WorkerModelTarget & { minPromptTokens: number },
): Halves | null {
  const { prompts, osl, itlSeconds } = target;
  const isLong = ({ tokens }: PromptClass) => tokens >= target.minPromptTokens;
  const split = sum(prompts, (one) => (isLong(one) ? one.share : 0)) / sum(prompts, ({ share }) => share);
  if (!(split > 0)) return null;
  const long = prompts.filter(isLong).map(({ share, tokens }) => ({ share: share / split, tokens }));
  const prefill = workerModel(profile, tp.prefill, { ...target, prompts: long, osl: 1 });

  const law = lawFor(profile, tp.decode);
  const whole = (of: (tokens: number) => number) =>
    sum(prompts, (one) => (isLong(one) ? 0 : one.share * of(one.tokens)));
  const promptSeconds = whole((tokens) => chunkSeconds(law, 0, tokens));
  const isl = sum(prompts, ({ share, tokens }) => share * tokens);
  const steps = Math.max(0, osl - 1);
  const kv = kvCapacityTokens(profile, tp.decode, target.gpuMemoryUtilization);
  const fits = Math.min(target.maxSequences, kv / (isl + osl));
  const none = { prefill, decode: { rps: 0, sequences: 0, itlSeconds: 0, classes: [] }, split };
  if (fits < 1) return none;
  const classes = prompts.map(({ share, tokens }) => ({ share, tokens, workSeconds: 0, ownSeconds: 0 }));
  // Requests of one token are done with their prefill; the decode worker hands over the answer in a step.
  if (steps === 0) {
    const rps = 1 / (law.itl[0] + promptSeconds);
    return { prefill, decode: { rps, sequences: 1, itlSeconds: 0, classes }, split };
  }
  const transfer =
    (sum(long, ({ share, tokens }) => share * tokens) * profile.kvBytesPerToken) /
    profile.transferBytesPerSecond;
  const handedOver = (frontEndSeconds(law) + transfer) / steps;
  const byBudget = (target.maxBatchedTokens * steps) / (whole((tokens) => tokens) + steps);
  const byItl = sequencesWithinItl(law, itlSeconds - handedOver, isl, osl, promptSeconds);
  const sequences = Math.min(byBudget, fits, byItl);
  if (!(sequences > 0)) return none;
  const slope = law.itl[1] + law.itl[2] * (isl + osl / 2);
  const step = law.itl[0] + slope * sequences + (sequences * promptSeconds) / steps;
  return {
    prefill,
    decode: { rps: sequences / (steps * step), sequences, itlSeconds: step, classes },
    split,
  };
}

function sum<T>(of: readonly T[], value: (one: T) => number): number {
  return of.reduce((total, one) => total + value(one), 0);
}
