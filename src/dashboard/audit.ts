import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { DashboardConfig } from '../config/types.js';
import { parseStored } from '../gpu/stored.js';
import type { Keys } from '../queues/keys.js';
import { luaScript } from '../queues/script.js';
import type { AuditEntry } from './view.js';

const auditScript = luaScript(new URL('./lua/audit.lua', import.meta.url));

/** Entries that the page shows. */
const SHOWN = 30;
const DAY_MS = 86_400_000;

const entrySchema = z.object({ atMs: z.number(), who: z.string(), what: z.string(), outcome: z.string() });

/** Writes down what an operator did, and removes what is too old or too much. Rejects when Redis does. */
export async function writeAudit(
  redis: Redis,
  keys: Keys,
  { auditKept, auditKeptDays }: DashboardConfig,
  entry: AuditEntry,
): Promise<void> {
  const oldestMs = Math.round(entry.atMs - auditKeptDays * DAY_MS);
  await auditScript(redis, [keys.dashboard('audit')], [JSON.stringify(entry), auditKept, oldestMs]);
}

/** The newest entries, newest last. Rejects when Redis does. */
export async function readAudit(redis: Redis, keys: Keys): Promise<AuditEntry[]> {
  const stored = await redis.lrange(keys.dashboard('audit'), -SHOWN, -1);
  return stored.flatMap((text) => parseStored(entrySchema, text) ?? []);
}
