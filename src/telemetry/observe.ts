import type { Redis } from 'ioredis';
import type { Config, PoolConfig } from '../config/types.js';
import type { PoolObservation } from '../contract/observation.js';
import { readAllocatorBeat, readGrant } from '../gpu/state.js';
import type { Keys } from '../queues/keys.js';
import type { PoolQueues } from '../queues/pool-queues.js';
import { luaScript } from '../queues/script.js';
import { arrivalRange, buildObservation } from './build-observation.js';
import { type EndFigures, endFigures, meanLengths } from './figures.js';
import { PROMPT_BUCKETS, promptClasses } from './prompt-lengths.js';
import { readQueueDepth } from './queue-depth.js';
import {
  ARRIVAL_SLOT_SECONDS,
  arrivalsKey,
  LATENCY_SLOT_SECONDS,
  latencyKey,
  MARKS_SECONDS,
  marksKey,
  SKETCH_FIELDS,
  slotsBetween,
  totalsKey,
  writersKey,
} from './slots.js';
import { coldStartSeconds, gpuUse, livingWorkers } from './workers.js';
import { parseWriters } from './writers.js';

const usageScript = luaScript(new URL('./lua/usage.lua', import.meta.url));

/** One look stands for at most so much time; the fast loop looks more often. */
const LONGEST_LOOK_MS = 5_000;

/**
 * Observes one pool at `nowMs` (Unix ms), and accounts for its GPU use since the last look.
 * `load.arrivals` ends about a second before `nowMs`, because recorders flush a few times a second.
 * Rejects when Redis does: the caller then has no telemetry at all.
 */
export async function collectObservation(
  redis: Redis,
  keys: Keys,
  pool: PoolConfig,
  config: Config,
  nowMs: number,
  queues: PoolQueues,
): Promise<PoolObservation> {
  const { name } = pool;
  const { windowSeconds } = config.planner;
  const [heartbeats, writers, arrivals, ended, grant, allocatorBeatMs, coldMs] = await Promise.all([
    redis.hvals(keys.heartbeats(name)),
    redis.hgetall(writersKey(keys, name)),
    readArrivals(redis, keys, name, nowMs, windowSeconds),
    readEnded(redis, keys, name, nowMs, windowSeconds),
    readGrant(redis, keys, name),
    readAllocatorBeat(redis, keys),
    redis.hget(totalsKey(keys, name), 'coldStartMs'),
  ]);
  const depth = await readQueueDepth(queues, pool, meanLengths(ended).osl ?? pool.expected.osl, nowMs);
  await accountUsage(redis, keys, name, heartbeats, config, nowMs);
  return buildObservation(pool, config, {
    nowMs,
    heartbeats,
    depth,
    writers: parseWriters(writers),
    arrivals: arrivals.counts,
    prompts: promptClasses(arrivals.prompts),
    ended,
    grant,
    allocatorBeatMs,
    knownColdStartSeconds: coldMs === null ? null : Number(coldMs) / 1000,
  });
}

/** Requests that ended within the last `seconds`, to the slot's ten seconds. */
export async function readEnded(
  redis: Redis,
  keys: Keys,
  pool: string,
  nowMs: number,
  seconds: number,
): Promise<EndFigures> {
  const starts = slotsBetween(nowMs - seconds * 1000, nowMs, LATENCY_SLOT_SECONDS);
  return endFigures(await Promise.all(starts.map((start) => redis.hgetall(latencyKey(keys, pool, start)))));
}

/** Arrivals by second, and prompts by bucket of length (of whole minutes). */
export async function readArrivals(
  redis: Redis,
  keys: Keys,
  pool: string,
  nowMs: number,
  windowSeconds: number,
): Promise<{ counts: Map<number, number>; prompts: number[] }> {
  const { first, last } = arrivalRange(nowMs, windowSeconds);
  const counts = new Map<number, number>();
  const prompts = Array.from({ length: PROMPT_BUCKETS }, () => 0);
  const starts = slotsBetween(first * 1000, last * 1000, ARRIVAL_SLOT_SECONDS);
  await Promise.all(
    starts.map(async (start) => {
      const fields = await redis.hgetall(arrivalsKey(keys, pool, start));
      for (const [field, count] of Object.entries(fields)) {
        const bucket = field.startsWith(SKETCH_FIELDS.prompt) ? Number(field.slice(1)) : Number.NaN;
        if (bucket >= 0 && bucket < prompts.length) prompts[bucket] = (prompts[bucket] ?? 0) + Number(count);
        else counts.set(start + Number(field), Number(count));
      }
    }),
  );
  return { counts, prompts };
}

async function accountUsage(
  redis: Redis,
  keys: Keys,
  pool: string,
  heartbeats: readonly string[],
  config: Config,
  nowMs: number,
): Promise<void> {
  const workers = livingWorkers(heartbeats, nowMs, config.worker.leaseSeconds);
  const { busyGpus, heldGpus } = gpuUse(workers);
  const thousandths = (gpus: number) => Math.round(gpus * 1000);
  const totals = totalsKey(keys, pool);
  await usageScript(
    redis,
    [totals, marksKey(keys, pool)],
    [nowMs, thousandths(busyGpus), thousandths(heldGpus), LONGEST_LOOK_MS, MARKS_SECONDS * 1000],
  );
  const cold = coldStartSeconds(workers);
  if (cold !== null) await redis.hset(totals, 'coldStartMs', Math.round(cold * 1000));
}
