import type { Redis } from 'ioredis';
import type { Config } from '../config/types.js';
import type { Keys } from './keys.js';
import type { PoolQueues } from './pool-queues.js';

/** A pool that requests were sent to and that the configuration has no longer. */
export interface FormerPool {
  name: string;
  /** Requests there that have not ended. */
  open: number;
}

const OPEN = ['waiting', 'prioritized', 'waiting-children', 'delayed', 'active'] as const;

/**
 * Notes the configured pools before anything is sent to them. Returns the names of those that were noted before and are
 * no longer configured. Rejects when Redis does; writes only what is new, so that a full Redis is no hindrance.
 */
export async function notePools(redis: Redis, keys: Keys, config: Config): Promise<string[]> {
  const noted = await redis.smembers(keys.pools());
  const fresh = Object.keys(config.pools).filter((name) => !noted.includes(name));
  if (fresh.length > 0) await redis.sadd(keys.pools(), ...fresh);
  return noted.filter((name) => !Object.hasOwn(config.pools, name));
}

/** The former pools that still hold open requests, which no worker will serve. Rejects when Redis does. */
export async function formerPools(redis: Redis, keys: Keys, config: Config): Promise<FormerPool[]> {
  const noted = await redis.smembers(keys.pools());
  const names = noted.filter((name) => !Object.hasOwn(config.pools, name)).sort();
  const counted = await Promise.all(
    names.map(async (name) => {
      // Looked at by key: a queue that is opened writes of itself.
      const queue = `${keys.poolPrefix(name)}:${keys.decodeQueue(name)}`;
      const lists = ['wait', 'paused', 'active'].map((state) => redis.llen(`${queue}:${state}`));
      const sets = ['prioritized', 'waiting-children', 'delayed'].map((state) =>
        redis.zcard(`${queue}:${state}`),
      );
      const counts = await Promise.all([...lists, ...sets]);
      return { name, open: counts.reduce((sum, count) => sum + count, 0) };
    }),
  );
  return counted.filter(({ open }) => open > 0);
}

/** Ids of up to `most` open requests of a pool. */
export async function openIds(queues: PoolQueues, most: number): Promise<string[]> {
  const jobs = await queues.decode.getJobs([...OPEN], 0, most - 1, true);
  return jobs.flatMap((job) => job?.id ?? []);
}

/** What to tell an operator of a former pool. */
export function formerPoolAdvice({ name, open }: FormerPool): string {
  const waiting = open === 1 ? '1 request waits' : `${open} requests wait`;
  return `${waiting} in pool ${name}, which the configuration no longer has; put the pool back, or end them with \`sluice cancel --pool ${name}\``;
}
