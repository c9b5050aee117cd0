import type { PoolObservation } from '../../contract/observation.js';
import { arrivalRange } from '../../telemetry/build-observation.js';

/** Samples of one metric over the last `keepSeconds`, newest last. */
export class SampleWindow {
  readonly #at: number[] = [];
  readonly #values: number[] = [];
  #from = 0;

  constructor(private readonly keepSeconds: number) {}

  add(atMs: number, value: number): void {
    this.#at.push(atMs);
    this.#values.push(value);
    const oldest = atMs - this.keepSeconds * 1000;
    while (this.#from < this.#at.length && (this.#at[this.#from] ?? 0) <= oldest) this.#from++;
    if (this.#from < 1000) return;
    this.#at.splice(0, this.#from);
    this.#values.splice(0, this.#from);
    this.#from = 0;
  }

  /** Those newer than `seconds` ago. */
  last(nowMs: number, seconds = this.keepSeconds): number[] {
    const oldest = nowMs - seconds * 1000;
    let first = this.#at.length;
    while (first > this.#from && (this.#at[first - 1] ?? 0) > oldest) first--;
    return this.#values.slice(first);
  }

  /** Null without a sample. */
  mean(nowMs: number, seconds = this.keepSeconds): number | null {
    const values = this.last(nowMs, seconds);
    return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
  }

  /** Null without a sample. */
  max(nowMs: number, seconds = this.keepSeconds): number | null {
    const values = this.last(nowMs, seconds);
    return values.length === 0 ? null : values.reduce((most, value) => Math.max(most, value));
  }
}

/** Arrivals that were not counted yet. */
export interface NewArrivals {
  requests: number;
  /** Seconds that these were counted in; those whose count is unknown are left out. */
  seconds: number;
}

/** Tells each second of a pool's arrivals once. */
export class ArrivalCounter {
  #through: number | null = null;

  take({ load, atMs }: PoolObservation): NewArrivals {
    const { last } = arrivalRange(atMs, load.arrivals.length);
    const fresh = this.#through === null ? load.arrivals.length : last - this.#through;
    this.#through = last;
    const counts = fresh > 0 ? load.arrivals.slice(-fresh).filter((count) => count !== null) : [];
    return { requests: counts.reduce((sum, count) => sum + count, 0), seconds: counts.length };
  }
}
