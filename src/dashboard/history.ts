import type { Redis } from 'ioredis';
import type { DashboardConfig } from '../config/types.js';
import { parseJson } from '../contract/reply.js';
import { transitionSchema } from '../contract/transition.js';
import { parseStored } from '../gpu/stored.js';
import type { Keys } from '../queues/keys.js';
import { plannerEntry } from './machine-log.js';
import type { LogEntry, Sample } from './view.js';

/** A sample so often. */
export const SAMPLE_MS = 2_000;
/** Transitions of each pool that a page is given; there may be many more in Redis. */
const TRANSITIONS = 1_000;

/** Adds a sample, unless another gateway has just added one, and removes what is too old. Rejects when Redis does. */
export async function keepSample(
  redis: Redis,
  keys: Keys,
  sample: Sample,
  { samplesKept, samplesKeptSeconds }: DashboardConfig,
): Promise<void> {
  const mine = await redis.set(keys.dashboard('turn'), '1', 'PX', SAMPLE_MS - 200, 'NX');
  if (mine === null) return;
  const key = keys.dashboard('history');
  const id = await redis.xadd(key, 'MAXLEN', '~', samplesKept, '*', 'sample', JSON.stringify(sample));
  // The id begins with the time of Redis, Unix ms.
  const oldest = Number.parseInt(id ?? '', 10) - samplesKeptSeconds * 1000;
  if (oldest > 0) await redis.xtrim(key, 'MINID', Math.round(oldest));
}

/** The samples that are kept, oldest first, each as JSON text. Rejects when Redis does. */
export async function readSamples(redis: Redis, keys: Keys): Promise<unknown[]> {
  const entries = await redis.xrange(keys.dashboard('history'), '-', '+');
  return entries.flatMap(([, fields]) => parseJson(fields[1] ?? '') ?? []);
}

/** The newest transitions of the pools' planners by `POOL:SEQUENCE`, oldest first by pool. Rejects when Redis does. */
export async function readTransitions(
  redis: Redis,
  keys: Keys,
  pools: readonly string[],
): Promise<Record<string, LogEntry>> {
  const streams = await Promise.all(
    pools.map((pool) => redis.xrevrange(keys.transitions(pool), '+', '-', 'COUNT', TRANSITIONS)),
  );
  const entries = streams.flatMap((stream) =>
    stream.reverse().flatMap(([, fields]): [string, LogEntry][] => {
      const record = parseStored(transitionSchema, fields[1] ?? null);
      return record === null ? [] : [[`${record.pool}:${record.sequence}`, plannerEntry(record)]];
    }),
  );
  return Object.fromEntries(entries);
}
