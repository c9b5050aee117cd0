import type { Redis } from 'ioredis';
import { z } from 'zod';
import { parseStored } from '../gpu/stored.js';
import type { Keys } from '../queues/keys.js';
import type { AuditEntry } from './view.js';

/** Entries kept in Redis, and those that the page shows. */
const KEPT = 1_000;
const SHOWN = 30;

const entrySchema = z.object({ atMs: z.number(), who: z.string(), what: z.string(), outcome: z.string() });

/** Writes down what an operator did. Rejects when Redis does. */
export async function writeAudit(redis: Redis, keys: Keys, entry: AuditEntry): Promise<void> {
  const key = keys.dashboard('audit');
  await redis.multi().rpush(key, JSON.stringify(entry)).ltrim(key, -KEPT, -1).exec();
}

/** The newest entries, newest last. Rejects when Redis does. */
export async function readAudit(redis: Redis, keys: Keys): Promise<AuditEntry[]> {
  const stored = await redis.lrange(keys.dashboard('audit'), -SHOWN, -1);
  return stored.flatMap((text) => parseStored(entrySchema, text) ?? []);
}
