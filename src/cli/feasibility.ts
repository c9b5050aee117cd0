import type { Config, PoolConfig } from '../config/types.js';
import { explainFeasibility, poolQuestion } from '../planning/feasibility/pool.js';
import { loadProfile } from '../profile/load.js';
import { resolveTensorParallelism } from '../profile/resolve-tp.js';

/** Whether a pool can keep its promise to requests of the expected lengths. */
export interface PoolVerdict {
  pool: string;
  feasible: boolean;
  sentence: string;
}

/**
 * The verdict on every pool whose engine has a profile, its load unknown.
 * @throws SluiceError invalid_config where a profile cannot be read or has no law for a pool's TP.
 */
export function poolVerdicts(config: Config): PoolVerdict[] {
  return Object.values(config.pools).flatMap((pool) => {
    const question = questionOf(pool);
    if (question === null) return [];
    const { verdict, sentence } = explainFeasibility(question);
    return [{ pool: pool.name, feasible: verdict.feasible, sentence }];
  });
}

function questionOf(pool: PoolConfig) {
  if (pool.engine.kind === 'noop') return null;
  const { prefill, decode } = resolveTensorParallelism(pool);
  const profile = loadProfile(pool.engine.profile);
  return poolQuestion(pool, profile, { prefill: prefill.tp, decode: decode.tp });
}
