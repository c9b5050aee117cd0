import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { parseJson } from '../../contract/reply.js';
import { processAlive } from '../../gpu/process.js';
import type { Keys } from '../../queues/keys.js';

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
 * machine is none.
 */
export async function allocatorsAtWork(redis: Redis, keys: Keys): Promise<AllocatorBeat[]> {
  const beats = await redis.hvals(keys.roles());
  return beats
    .flatMap((text) => beatSchema.safeParse(parseJson(text)).data ?? [])
    .filter(({ host, pid, atMs }) => {
      const dead = host === hostname() && !processAlive(pid);
      return !dead && Date.now() - atMs < BEAT_FRESH_MS;
    });
}
