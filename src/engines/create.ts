import type { PoolConfig } from '../config/types.js';
import { unreachable } from '../contract/errors.js';
import type { WorkerRole } from '../contract/worker.js';
import { loadProfile } from '../profile/load.js';
import { resolveTensorParallelism } from '../profile/resolve-tp.js';
import type { Engine } from './engine.js';
import { createNoopEngine } from './noop.js';
import { createSimEngine } from './sim/live.js';

/**
 * The engine of one worker of a pool.
 * @throws SluiceError invalid_config when the engine's profile cannot be read or does not fit the pool.
 */
export function createEngine(pool: PoolConfig, role: WorkerRole): Engine {
  const { engine } = pool;
  switch (engine.kind) {
    case 'noop':
      return createNoopEngine();
    case 'sim': {
      const degrees = resolveTensorParallelism(pool);
      return createSimEngine({
        profile: loadProfile(engine.profile),
        tp: (role === 'prefill' ? degrees.prefill : degrees.decode).tp,
        gpuMemoryUtilization: pool.gpuMemoryUtilization,
        engine,
      });
    }
    default:
      return unreachable(engine);
  }
}
