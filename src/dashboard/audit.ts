import type { Redis } from 'ioredis';
import { z } from 'zod';
import { parseStored } from '../gpu/stored.js';
import type { Keys } from '../queues/keys.js';
import type { AuditEntry } from './view.js';

/** Entries that the page shows. */
const SHOWN = 30;

const entrySchema = z.object({ atMs: z.number(), who: z.string(), what: z.string(), outcome: z.string() });

/** The newest entries, newest last. Rejects when Redis does. */
export async function readAudit(redis: Redis, keys: Keys): Promise<AuditEntry[]> {
  const stored = await redis.lrange(keys.dashboard('audit'), -SHOWN, -1);
  return stored.flatMap((text) => parseStored(entrySchema, text) ?? []);
}
