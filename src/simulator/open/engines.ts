import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { workerSizes } from '../../gpu/worker-size.js';
import { loadProfile } from '../../profile/load.js';
import type { PoolEngine } from '../run/options.js';

/**
 * The engine of each pool, its profile read and its TP chosen.
 * Errors: `invalid_config` for a pool whose engine cannot be simulated or whose profile cannot be read.
 */
export function openEngines(config: Config): Record<string, PoolEngine> {
  return Object.fromEntries(
    Object.values(config.pools).map((pool) => {
      if (pool.engine.kind !== 'sim')
        throw new SluiceError(
          'invalid_config',
          `pool ${pool.name}: expected engine.kind sim, which can be simulated, got ${pool.engine.kind}`,
        );
      const sizes = workerSizes(pool);
      const tp = { vllm: sizes.vllm.tp, prefill: sizes.prefill.tp };
      return [pool.name, { profile: loadProfile(pool.engine.profile), tp }];
    }),
  );
}

/** The configuration with another cold start of every engine, seconds. */
export function withColdStart(config: Config, coldStartSeconds: number): Config {
  const pools = Object.entries(config.pools).map(([name, pool]) => {
    if (pool.engine.kind !== 'sim') return [name, pool] as const;
    return [name, { ...pool, engine: { ...pool.engine, coldStartSeconds } }] as const;
  });
  return { ...config, pools: Object.fromEntries(pools) };
}
