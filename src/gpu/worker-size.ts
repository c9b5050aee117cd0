import type { PoolConfig } from '../config/types.js';
import type { WorkerRole } from '../contract/worker.js';
import { resolveTensorParallelism, type TensorParallelism } from '../profile/resolve-tp.js';

/**
 * GPUs per worker of a pool, by role: what the configuration says, or for `auto` what its engine's profile chooses.
 * Errors: `invalid_config` when the profile cannot be read or no degree of it fits the pool.
 */
export function workerSizes(pool: PoolConfig): Record<WorkerRole, TensorParallelism> {
  const { prefill, decode } = resolveTensorParallelism(pool);
  return { vllm: decode, prefill };
}
