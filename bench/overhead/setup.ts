import { defaultConfig } from '../../src/config/load.js';
import type { Config } from '../../src/config/types.js';
import { retention } from '../../src/queues/pool-queues.js';

export const BARE_QUEUE = 'bare';
export const POOL = 'high';

/** The presets, with the no-op engine. */
export function benchConfig(): Config {
  const config = defaultConfig();
  for (const pool of Object.values(config.pools)) pool.engine = { kind: 'noop' };
  return config;
}

/** Both sides keep the same number of ended jobs. */
export const retentionOfBoth = retention;

/** A prompt of so many bytes, one flat string as a parsed request has it, not a rope of pieces. */
export function promptOf(bytes: number): string {
  return Buffer.from('word '.repeat(Math.ceil(bytes / 5)).slice(0, bytes)).toString('latin1');
}
