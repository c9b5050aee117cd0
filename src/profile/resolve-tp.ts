import type { PoolConfig } from '../config/types.js';
import { unreachable } from '../contract/errors.js';
import { chooseTensorParallelism } from './choose-tp.js';
import { loadProfile } from './load.js';

/** GPUs per worker, and why so many. */
export interface TensorParallelism {
  tp: number;
  why: string;
}

/**
 * GPUs per worker of a pool by role: what the configuration says, or for `auto` what its engine's profile chooses.
 * @throws SluiceError invalid_config when the profile cannot be read or no degree of it fits the pool.
 */
export function resolveTensorParallelism(pool: PoolConfig): {
  prefill: TensorParallelism;
  decode: TensorParallelism;
} {
  return { prefill: resolve(pool, 'prefill'), decode: resolve(pool, 'decode') };
}

function resolve(pool: PoolConfig, role: 'prefill' | 'decode'): TensorParallelism {
  const configured = pool.tensorParallelism[role];
  if (configured !== 'auto') return { tp: configured, why: 'as configured' };
  const { engine } = pool;
  switch (engine.kind) {
    case 'noop':
      return { tp: 1, why: 'a no-op engine has no profile' };
    case 'sim':
    case 'openai':
      return chooseTensorParallelism(loadProfile(engine.profile), {
        targets: pool.targets,
        buffer: pool.performanceBuffer,
        expected: pool.expected,
        gpuBudget: pool.gpuBudget.ceiling,
        gpuMemoryUtilization: pool.gpuMemoryUtilization,
        phase: role === 'prefill' ? 'prefill' : 'whole',
      });
    default:
      return unreachable(engine);
  }
}
