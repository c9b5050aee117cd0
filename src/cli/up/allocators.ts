import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { parseJson } from '../../contract/reply.js';
import { processAlive } from '../../gpu/process.js';
import type { Keys } from '../../queues/keys.js';
import { probeWrite } from '../../queues/server-check.js';

/** An allocator that wrote its beat within so long is at work. */
const BEAT_FRESH_MS = 5_000;

const beatSchema = z.object({
  role: z.literal('allocator'),
  host: z.string(),
  pid: z.number().int(),
  atMs: z.number(),
});
export type AllocatorBeat = z.output<typeof beatSchema>;

/**
 * The allocators at work on a namespace: one for each system that serves it. One that died a moment ago on this
 * machine is none. Where Redis refuses writes none can beat, so that those that did are believed to be there still.
 */
export async function allocatorsAtWork(redis: Redis, keys: Keys): Promise<AllocatorBeat[]> {
  const beats = (await redis.hvals(keys.roles()))
    .flatMap((text) => beatSchema.safeParse(parseJson(text)).data ?? [])
    .filter(({ host, pid }) => host !== hostname() || processAlive(pid));
  const fresh = beats.filter(({ atMs }) => Date.now() - atMs < BEAT_FRESH_MS);
  return fresh.length > 0 || beats.length === 0 || (await takesWrites(redis, keys)) ? fresh : beats;
}

async function takesWrites(redis: Redis, keys: Keys): Promise<boolean> {
  return probeWrite(redis, keys.probe()).then(
    () => true,
    () => false,
  );
}
