import type { Redis } from 'ioredis';
import type { LengthCount, RecordedMinute } from '../contract/recorded.js';
import type { Keys } from '../queues/keys.js';
import { bucketTokens, PROMPT_BUCKETS } from './prompt-lengths.js';
import { ARRIVAL_SLOT_SECONDS, arrivalsKey, outputsKey, SKETCH_FIELDS, slotsBetween } from './slots.js';

/**
 * The traffic of a pool in the last whole minutes, oldest first; minutes without a request are there, empty.
 * @param minutes at most 60: the telemetry keeps an hour. Rejects when Redis does.
 */
export async function readRecorded(
  redis: Redis,
  keys: Keys,
  pool: string,
  nowMs: number,
  minutes: number,
): Promise<RecordedMinute[]> {
  const slotMs = ARRIVAL_SLOT_SECONDS * 1000;
  const endMs = Math.floor(nowMs / slotMs) * slotMs;
  const starts = slotsBetween(endMs - minutes * slotMs, endMs - 1, ARRIVAL_SLOT_SECONDS);
  return Promise.all(
    starts.map(async (startSecond) => {
      const [came, ended] = await Promise.all([
        redis.hgetall(arrivalsKey(keys, pool, startSecond)),
        redis.hgetall(outputsKey(keys, pool, startSecond)),
      ]);
      const fields = Object.entries(came);
      const isPrompt = ([field]: [string, string]) => field.startsWith(SKETCH_FIELDS.prompt);
      return {
        startSecond,
        arrivals: counted(fields.filter((field) => !isPrompt(field))),
        prompts: lengths(fields.filter(isPrompt).map(([field, count]) => [field.slice(1), count])),
        outputs: lengths(Object.entries(ended)),
      };
    }),
  );
}

/** In order of their numbers. */
function counted(fields: [string, string][]): [number, number][] {
  return fields
    .map(([field, count]): [number, number] => [Number(field), Number(count)])
    .filter(([field, count]) => Number.isInteger(field) && field >= 0 && count > 0)
    .sort(([a], [b]) => a - b);
}

function lengths(fields: [string, string][]): LengthCount[] {
  return counted(fields)
    .filter(([bucket]) => bucket < PROMPT_BUCKETS)
    .map(([bucket, count]) => [bucketTokens(bucket), count]);
}
