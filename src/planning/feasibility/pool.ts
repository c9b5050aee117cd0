import type { PoolConfig } from '../../config/types.js';
import type { Profile } from '../../profile/types.js';
import type { Replicas } from '../replicas.js';
import { assessFeasibility } from './assess.js';
import type { Feasibility, FeasibilityQuestion, Lengths, Remedy } from './question.js';
import { remediesFor } from './remedies.js';
import { feasibilitySentence } from './words.js';

/** What is known of a pool's load; nothing: its expected lengths, no rate. */
export interface KnownLoad {
  sample: readonly Lengths[];
  /** Requests/s; null: unknown. */
  rps: number | null;
}

/**
 * The question of one pool; null for an engine without a profile. `tp` is what `auto` came to. A pool that chooses its form is
 * asked as an aggregated one, or as a disaggregated one where only that keeps its promise.
 */
export function poolQuestion(
  pool: PoolConfig,
  profile: Profile,
  tp: Replicas,
  load: KnownLoad = { sample: [], rps: null },
): FeasibilityQuestion | null {
  const { engine } = pool;
  if (engine.kind === 'noop') return null;
  const question: FeasibilityQuestion = {
    profile,
    tp,
    disaggregated: pool.disaggregation.enabled === true,
    gpuCeiling: pool.gpuBudget.ceiling,
    maxWorkers: pool.maxWorkers,
    gpuMemoryUtilization: pool.gpuMemoryUtilization,
    maxSequences: engine.maxSequences,
    maxBatchedTokens: engine.maxBatchedTokens,
    targets: pool.targets,
    buffer: pool.performanceBuffer,
    latencyPercentile: pool.latencyPercentile,
    violationsAllowed: pool.violationsAllowed,
    sample: load.sample.length > 0 ? load.sample : [pool.expected],
    rps: load.rps,
  };
  if (pool.disaggregation.enabled !== 'auto' || assessFeasibility(question).feasible) return question;
  const split = { ...question, disaggregated: true };
  return assessFeasibility(split).feasible ? split : question;
}

/** Verdict, remedies and the sentence for both. */
export function explainFeasibility(question: FeasibilityQuestion): {
  verdict: Feasibility;
  remedies: Remedy[];
  sentence: string;
} {
  const verdict = assessFeasibility(question);
  const remedies = remediesFor(question, verdict);
  return { verdict, remedies, sentence: feasibilitySentence(question, verdict, remedies) };
}
