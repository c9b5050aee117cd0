import type { Config } from '../../config/types.js';
import type { SimulateOptions } from '../run/options.js';

/** What comes to one pool, counted before anything is simulated. Times from the begin of counting. */
export interface ArrivalFigures {
  requests: number;
  meanRps: number;
  /** Busiest minute, requests/s. */
  peakMinuteRps: number;
  /** Variance over mean of the counts of one second; null: fewer than two seconds. */
  dispersion: number | null;
  meanIsl: number;
  meanOsl: number;
}

/** Counts a load's requests by pool. Levels that no pool serves are left to the simulation to refuse. */
export function countArrivals(config: Config, options: SimulateOptions): Record<string, ArrivalFigures> {
  const pools = new Map(Object.values(config.pools).map((pool) => [pool.level, new Counter(pool.name)]));
  const { warmUpSeconds = 0, durationSeconds = Number.POSITIVE_INFINITY } = options;
  for (const { atSeconds, level, isl, osl } of options.requests) {
    if (atSeconds >= durationSeconds) break;
    if (atSeconds < warmUpSeconds) continue;
    pools.get(level ?? config.defaultLevel)?.add(atSeconds - warmUpSeconds, isl, osl);
  }
  return Object.fromEntries([...pools.values()].map((counter) => [counter.pool, counter.figures()]));
}

class Counter {
  #requests = 0;
  #isl = 0;
  #osl = 0;
  #second = 0;
  #inSecond = 0;
  #squares = 0;
  #minute = 0;
  #inMinute = 0;
  #peak = 0;
  #last = 0;

  constructor(readonly pool: string) {}

  add(atSeconds: number, isl: number, osl: number): void {
    this.#requests++;
    this.#isl += isl;
    this.#osl += osl;
    this.#last = atSeconds;
    const second = Math.floor(atSeconds);
    if (second !== this.#second) {
      this.#squares += this.#inSecond ** 2;
      this.#second = second;
      this.#inSecond = 0;
    }
    this.#inSecond++;
    const minute = Math.floor(atSeconds / 60);
    if (minute !== this.#minute) {
      this.#minute = minute;
      this.#inMinute = 0;
    }
    this.#inMinute++;
    this.#peak = Math.max(this.#peak, this.#inMinute);
  }

  figures(): ArrivalFigures {
    // The last second and minute are rarely whole; of a long load that changes nothing.
    const seconds = Math.floor(this.#last) + 1;
    const requests = this.#requests;
    const mean = requests / seconds;
    const variance = (this.#squares + this.#inSecond ** 2) / seconds - mean * mean;
    return {
      requests,
      meanRps: requests === 0 ? 0 : mean,
      peakMinuteRps: this.#peak / 60,
      dispersion: seconds < 2 || requests === 0 ? null : variance / mean,
      meanIsl: requests === 0 ? 0 : this.#isl / requests,
      meanOsl: requests === 0 ? 0 : this.#osl / requests,
    };
  }
}
