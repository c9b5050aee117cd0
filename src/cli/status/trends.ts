import type { PoolStatus, SystemStatus } from '../../contract/status.js';
import { watched } from './watched.js';

/** Seconds that a sparkline shows; one sample a second. */
const SAMPLES = 60;
const BARS = '▁▂▃▄▅▆▇█';

/** What a watch has seen of one pool, oldest first; null: not known then. */
export interface Trend {
  /** Arrivals, requests/s. */
  load: (number | null)[];
  /** Watched percentile of the last minute, seconds. */
  ttft: (number | null)[];
  itl: (number | null)[];
}

/** The last minute of each pool, as a watch has seen it. */
export class Trends {
  readonly #pools = new Map<string, Trend>();

  add({ pools }: SystemStatus): void {
    for (const pool of pools) {
      const trend = this.#pools.get(pool.name) ?? { load: [], ttft: [], itl: [] };
      this.#pools.set(pool.name, trend);
      push(trend.load, pool.arrivalsPerSecond);
      push(trend.ttft, watched(pool, pool.minute.ttftSeconds));
      push(trend.itl, watched(pool, pool.minute.itlSeconds));
    }
  }

  of({ name }: PoolStatus): Trend {
    return this.#pools.get(name) ?? { load: [], ttft: [], itl: [] };
  }
}

function push(values: (number | null)[], value: number | null): void {
  values.push(value);
  if (values.length > SAMPLES) values.shift();
}

/** Values as bars from 0 to the larger of `top` and the largest of them; a gap where nothing is known. */
export function sparkline(values: readonly (number | null)[], top = 0): string {
  const highest = Math.max(top, ...values.map((value) => value ?? 0));
  return values
    .map((value) => {
      if (value === null) return ' ';
      const step = highest === 0 ? 0 : Math.round((value / highest) * (BARS.length - 1));
      return BARS[step] ?? ' ';
    })
    .join('')
    .padStart(SAMPLES);
}
