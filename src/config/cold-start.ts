import type { PoolConfig } from './types.js';

/** The longest cold start that these pools' engines are configured with, seconds; 0: none has one. */
export function longestColdStart(pools: readonly PoolConfig[]): number {
  return Math.max(0, ...pools.map(({ engine }) => (engine.kind === 'noop' ? 0 : engine.coldStartSeconds)));
}
