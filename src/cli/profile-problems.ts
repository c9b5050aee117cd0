import type { Config, PoolConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { loadProfile } from '../profile/load.js';
import { resolveTensorParallelism } from '../profile/resolve-tp.js';

/**
 * What the pools ask of their profiles that those do not have, one sentence a pool. The config room does not read
 * profiles, so a configuration that loads can still name one that is missing or lacks a degree.
 */
export function profileProblems(config: Config): { pool: string; problem: string }[] {
  return Object.values(config.pools).flatMap((pool) => {
    try {
      checkProfile(pool);
      return [];
    } catch (caught) {
      const { message } = SluiceError.from(caught);
      return [{ pool: pool.name, problem: `${config.source}: pools.${pool.name}: ${message}` }];
    }
  });
}

/** @throws SluiceError invalid_config with all of `profileProblems`, one a line. */
export function assertProfiles(config: Config): void {
  const problems = profileProblems(config);
  if (problems.length === 0) return;
  throw new SluiceError('invalid_config', problems.map(({ problem }) => problem).join('\n'));
}

/**
 * What the reader should know of profiles whose law was fitted to few points, misses them or leaves some out. Call it after
 * `assertProfiles`.
 * @throws SluiceError invalid_config where a profile cannot be read.
 */
export function profileNotes(config: Config): string[] {
  return Object.values(config.pools).flatMap(({ name, engine }) => {
    const notes = engine.kind === 'noop' ? [] : (loadProfile(engine.profile).notes ?? []);
    return notes.map((note) => `pools.${name}: engine.profile: ${note}`);
  });
}

function checkProfile(pool: PoolConfig): void {
  const degrees = resolveTensorParallelism(pool);
  if (pool.engine.kind === 'noop') return;
  const profile = loadProfile(pool.engine.profile);
  for (const [role, { tp }] of Object.entries(degrees)) {
    if (Object.hasOwn(profile.tp, tp)) continue;
    const known = Object.keys(profile.tp).join(', ');
    throw new SluiceError(
      'invalid_config',
      `tensor_parallelism.${role}: expected a degree of profile ${profile.name} (${known}), got ${tp}`,
    );
  }
}
