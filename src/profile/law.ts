import { SluiceError } from '../contract/errors.js';
import type { Profile, StepLaw } from './types.js';

/** Work of one engine step. */
export interface StepWork {
  /** Prompt chunks: `tokens` prompt tokens after `context` tokens of the same prompt already in the cache. */
  prefill: readonly { context: number; tokens: number }[];
  /** Sequences that make one token each. */
  decodeSequences: number;
  /** KV tokens that those sequences read. */
  kvTokens: number;
}

/** The law of one TP degree. @throws SluiceError invalid_config when the profile has none for it. */
export function lawFor(profile: Profile, tp: number): StepLaw {
  const law = profile.tp[tp];
  if (law) return law;
  const known = Object.keys(profile.tp).join(', ');
  throw new SluiceError(
    'invalid_config',
    `profile ${profile.name}: expected a tensor parallelism that it was made for (${known}), got ${tp}`,
  );
}

/** TTFT of a lone prompt of `isl` tokens on an idle engine, seconds: a0 + a1 n + a2 n^2, an a0 below b0 counting as b0. */
export function ttftSeconds(profile: Profile, tp: number, isl: number): number {
  const law = lawFor(profile, tp);
  return Math.max(law.ttft[0], law.itl[0]) + chunkSeconds(law, 0, isl);
}

/**
 * From a request's submission until the engine can schedule it, seconds: a0 - b0, at least 0. The part of the TTFT that
 * is no GPU step (HTTP, tokenizing, hand-over between processes): it delays its own request and holds up no other.
 */
export function frontEndSeconds(law: StepLaw): number {
  return Math.max(0, law.ttft[0] - law.itl[0]);
}

/** Duration of a pure decode step of `batch` sequences that read `kvTokens`, seconds: b0 + b1 batch + b2 kvTokens. */
export function itlSeconds(profile: Profile, tp: number, batch: number, kvTokens: number): number {
  const [b0, b1, b2] = lawFor(profile, tp).itl;
  return b0 + b1 * batch + b2 * kvTokens;
}

/** Duration of one step of chunked prefill and decode, seconds; 0 for a step without work. Law: types.ts. */
export function stepSeconds(profile: Profile, tp: number, work: StepWork): number {
  const law = lawFor(profile, tp);
  const chunks = work.prefill.filter((chunk) => chunk.tokens > 0);
  if (chunks.length === 0 && work.decodeSequences === 0) return 0;
  let seconds = law.itl[0] + decodeSeconds(law, work.decodeSequences, work.kvTokens);
  for (const { context, tokens } of chunks) seconds += chunkSeconds(law, context, tokens);
  return seconds;
}

/** What a prompt chunk adds to a step, seconds: a1 p + a2 ((c + p)^2 - c^2). */
export function chunkSeconds(law: StepLaw, context: number, tokens: number): number {
  const after = context + tokens;
  return law.ttft[1] * tokens + law.ttft[2] * (after * after - context * context);
}

/** What decoding adds to a step, seconds: b1 batch + b2 kvTokens. */
export function decodeSeconds(law: StepLaw, batch: number, kvTokens: number): number {
  return law.itl[1] * batch + law.itl[2] * kvTokens;
}

/** Prompt tokens per second of a worker that computes prompts of `isl` tokens, one a step, without a pause. */
export function prefillTokensPerSecond(profile: Profile, tp: number, isl: number): number {
  return (
    isl /
    stepSeconds(profile, tp, { prefill: [{ context: 0, tokens: isl }], decodeSequences: 0, kvTokens: 0 })
  );
}

/** Output tokens per second of a worker that only decodes a steady batch. */
export function decodeTokensPerSecond(profile: Profile, tp: number, batch: number, kvTokens: number): number {
  return batch / itlSeconds(profile, tp, batch, kvTokens);
}

/**
 * Tokens per second and GPU at TP `tp` against TP 1 under the same batch (against the profile's smallest TP where it
 * has no TP 1). 1: no loss; 0.5: a GPU yields half.
 */
export function tensorParallelEfficiency(
  profile: Profile,
  tp: number,
  batch: number,
  kvTokens: number,
): number {
  const base = Math.min(...Object.keys(profile.tp).map(Number));
  const perGpu = (n: number) => decodeTokensPerSecond(profile, n, batch, kvTokens) / n;
  return perGpu(tp) / perGpu(base);
}
