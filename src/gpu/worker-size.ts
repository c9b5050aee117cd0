import type { PoolConfig } from '../config/types.js';
import type { WorkerRole } from '../contract/worker.js';
import { chooseTensorParallelism } from '../profile/choose-tp.js';
import { loadProfile } from '../profile/load.js';

/** GPUs per worker, and why so many. */
export interface WorkerSize {
  tp: number;
  why: string;
}

/**
 * GPUs per worker of a pool, by role: what the configuration says, or for `auto` what its engine's profile chooses.
 * Errors: `invalid_config` when the profile cannot be read or no degree of it fits the pool.
 */
export function workerSizes(pool: PoolConfig): Record<WorkerRole, WorkerSize> {
  return { vllm: sizeOf(pool, 'vllm'), prefill: sizeOf(pool, 'prefill') };
}

function sizeOf(pool: PoolConfig, role: WorkerRole): WorkerSize {
  const { prefill, decode } = pool.tensorParallelism;
  const configured = role === 'vllm' ? decode : prefill;
  if (configured !== 'auto') return { tp: configured, why: 'as configured' };
  switch (pool.engine.kind) {
    case 'noop':
      return { tp: 1, why: 'a no-op engine has no profile: 1' };
    case 'sim':
      return chooseTensorParallelism(loadProfile(pool.engine.profile), {
        targets: pool.targets,
        buffer: pool.performanceBuffer,
        expected: pool.expected,
        gpuBudget: pool.gpuBudget.ceiling,
        gpuMemoryUtilization: pool.gpuMemoryUtilization,
        phase: role === 'vllm' ? 'whole' : 'prefill',
      });
  }
}
