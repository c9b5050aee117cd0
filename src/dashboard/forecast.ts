import type { Redis } from 'ioredis';
import { parseStored } from '../gpu/stored.js';
import { type Outlook, storedOutlookSchema } from '../planning/outlook.js';
import type { Keys } from '../queues/keys.js';
import type { Forecast } from './view.js';

/** What the pool's planner foresaw when it last looked ahead; null: nothing yet. Rejects when Redis does. */
export async function readForecast(redis: Redis, keys: Keys, pool: string): Promise<Forecast | null> {
  const stored = parseStored(storedOutlookSchema, await redis.get(keys.plannerOutlook(pool)));
  return stored === null ? null : forecastOf(stored.outlook, stored.atMs);
}

/** Band and middle of each lead's equally likely rates. */
function forecastOf({ leads }: Outlook, atMs: number): Forecast {
  return {
    atMs,
    leads: leads.flatMap(({ seconds, rates }) => {
      const [low, high] = [rates[0], rates.at(-1)];
      if (low === undefined || high === undefined) return [];
      const half = rates.length / 2;
      const middle = ((rates[Math.floor(half - 0.5)] ?? low) + (rates[Math.ceil(half - 0.5)] ?? high)) / 2;
      return [{ seconds, low, middle, high }];
    }),
  };
}
