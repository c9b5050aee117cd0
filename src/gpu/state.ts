import type { Redis } from 'ioredis';
import { type Lease, leaseSchema, type WorkerFailure, workerFailureSchema } from '../contract/lease.js';
import { type ScaleGrant, type ScaleOrder, scaleGrantSchema, scaleOrderSchema } from '../contract/scale.js';
import type { Keys } from '../queues/keys.js';
import { ALL_POOLS } from './core/ledger.js';
import { script } from './scripts.js';
import { parseStored } from './stored.js';

/** The reading side of the GPU ledger. A stored value that does not parse is left out, never guessed at. */

const usageScript = script('usage');
const resetScript = script('reset-peaks');

export { ALL_POOLS };

/** All leases, oldest first. */
export async function readLeases(redis: Redis, keys: Keys): Promise<Lease[]> {
  const stored = await redis.hvals(keys.gpu('leases'));
  return stored
    .flatMap((text) => parseStored(leaseSchema, text) ?? [])
    .sort((a, b) => a.sinceMs - b.sinceMs || (a.leaseId < b.leaseId ? -1 : 1));
}

/** The allocator's last word to a pool; null: it never got an order. */
export async function readGrant(redis: Redis, keys: Keys, pool: string): Promise<ScaleGrant | null> {
  const stored = await redis.hget(keys.gpu('grants'), pool);
  return parseStored(scaleGrantSchema, stored);
}

/** The newest order of a pool that was applied; null: none. */
export async function readDesired(redis: Redis, keys: Keys, pool: string): Promise<ScaleOrder | null> {
  const stored = await redis.hget(keys.gpu('desired'), pool);
  return parseStored(scaleOrderSchema, stored);
}

/** Unix ms at which the acting allocator was last alive; null: never. */
export async function readAllocatorBeat(redis: Redis, keys: Keys): Promise<number | null> {
  const stored = Number(await redis.get(keys.gpu('beat')));
  return Number.isFinite(stored) && stored > 0 ? stored : null;
}

/** GPU-seconds leased so far by pool, those of running leases included; `ALL_POOLS` is their sum. */
export async function readGpuSeconds(redis: Redis, keys: Keys): Promise<Record<string, number>> {
  return (await readGpuMeter(redis, keys)).gpuSeconds;
}

/** The same with the moment that it holds for, Unix ms of Redis' clock. */
export async function readGpuMeter(
  redis: Redis,
  keys: Keys,
): Promise<{ atMs: number; gpuSeconds: Record<string, number> }> {
  const { nowMs, usage } = await readUsage(redis, keys);
  const gpuSeconds = Object.fromEntries(
    Object.entries(usage).map(([pool, u]) => [pool, (u.ms + u.gpus * Math.max(0, nowMs - u.since)) / 1000]),
  );
  return { atMs: nowMs, gpuSeconds };
}

/** Most GPUs leased at one moment since the last `resetMaxLeased`, by pool; `ALL_POOLS` is the peak of the sum. */
export async function readMaxLeased(redis: Redis, keys: Keys): Promise<Record<string, number>> {
  const { usage } = await readUsage(redis, keys);
  return Object.fromEntries(Object.entries(usage).map(([pool, u]) => [pool, u.peak]));
}

/** Counts peaks from now on, beginning with what is leased now. */
export async function resetMaxLeased(redis: Redis, keys: Keys): Promise<void> {
  await resetScript(redis, [keys.gpu('usage')], []);
}

/** Pools and roles whose workers crash, with the last crash's reason and log. */
export async function readWorkerFailures(redis: Redis, keys: Keys): Promise<WorkerFailure[]> {
  const stored = await redis.hvals(keys.gpu('failures'));
  return stored
    .flatMap((text) => parseStored(workerFailureSchema, text) ?? [])
    .sort((a, b) => (`${a.pool}:${a.role}` < `${b.pool}:${b.role}` ? -1 : 1));
}

/** Operator action: forget the crashes of a pool, so that the allocator starts its workers again. */
export async function clearFailures(redis: Redis, keys: Keys, pool: string): Promise<void> {
  await redis.hdel(keys.gpu('failures'), `${pool}:vllm`, `${pool}:prefill`);
}

interface Usage {
  gpus: number;
  ms: number;
  since: number;
  peak: number;
}

async function readUsage(redis: Redis, keys: Keys): Promise<{ nowMs: number; usage: Record<string, Usage> }> {
  const [now, ...pairs] = await usageScript(redis, [keys.gpu('usage')], []);
  const usage: Record<string, Usage> = {};
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const field = pairs[i] ?? '';
    const at = field.indexOf(':');
    const pool = field.slice(at + 1);
    usage[pool] ??= { gpus: 0, ms: 0, since: 0, peak: 0 };
    const entry = usage[pool];
    const value = Number(pairs[i + 1]);
    switch (field.slice(0, at)) {
      case 'gpus':
        entry.gpus = value;
        break;
      case 'ms':
        entry.ms = value;
        break;
      case 'since':
        entry.since = value;
        break;
      case 'peak':
        entry.peak = value;
        break;
    }
  }
  return { nowMs: Number(now), usage };
}
