import type { Redis } from 'ioredis';
import { type TransitionRecord, transitionSchema } from '../contract/transition.js';
import { parseStored } from '../gpu/stored.js';
import type { Keys } from '../queues/keys.js';

const PAGE = 500;

/**
 * The newest decision records of a pool, the oldest first: at most `count`, none made after `untilMs` (Unix ms). What was
 * written by a version that cannot be read any more is left out.
 */
export async function readDecisions(
  redis: Redis,
  keys: Keys,
  pool: string,
  {
    count = Number.POSITIVE_INFINITY,
    untilMs = Number.POSITIVE_INFINITY,
  }: { count?: number; untilMs?: number },
): Promise<TransitionRecord[]> {
  const found: TransitionRecord[] = [];
  let to = '+';
  while (found.length < count) {
    const entries = await redis.xrevrange(keys.decisions(pool), to, '-', 'COUNT', PAGE);
    for (const [, fields] of entries) {
      const record = parseStored(transitionSchema, fields[fields.indexOf('record') + 1] ?? null);
      if (record !== null && record.atMs <= untilMs && found.length < count) found.push(record);
    }
    const last = entries.at(-1);
    if (last === undefined || entries.length < PAGE) break;
    to = `(${last[0]}`;
  }
  return found.reverse();
}
