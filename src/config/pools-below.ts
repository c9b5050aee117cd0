import type { Config, PoolConfig } from './types.js';

/** Pools that may serve a request of this one at a lower level, the highest of them first. */
export function poolsBelow({ pools }: Pick<Config, 'pools'>, { model, priority }: PoolConfig): PoolConfig[] {
  return Object.values(pools)
    .filter((pool) => pool.model === model && pool.priority > priority)
    .toSorted((a, b) => a.priority - b.priority);
}
