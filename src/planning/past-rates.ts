import { LIKELY_RATES } from './outlook.js';

/** So long a planner remembers how its load came and went. */
const PAST_SECONDS = 3600;
/** What is usual is the mean of so long: bursts of minutes and the lulls between them are over by then. */
const USUAL_SECONDS = 900;
/** Less of the past does not tell what comes again. */
const LEAST_SECONDS = 600;
/** A load comes again that rose so many times within the past. One crowd rises once, a ramp never. */
const RISES = 3;
/** A rise: from below the first share of the past's mean to above the second. */
const LOW = 0.75;
const HIGH = 1.5;

/** How a pool's load came and went within the last hour, bin by bin, requests/s; null: not known. */
export class PastRates {
  #rates: (number | null)[];
  #usual: number | null;
  /** Null: not asked for since the newest bin. */
  #returning: number[] | null = null;

  /** `rates`: what was remembered before, oldest first. */
  constructor(
    private readonly binSeconds: number,
    rates: readonly (number | null)[],
  ) {
    this.#rates = [...rates];
    this.#usual = this.#usualOf();
  }

  /** Oldest first. */
  get rates(): readonly (number | null)[] {
    return this.#rates;
  }

  /** Mean of the last quarter of an hour; null: nothing of it is known. */
  get usual(): number | null {
    return this.#usual;
  }

  /** `returningRates` of the hour. */
  get returning(): number[] {
    this.#returning ??= returningRates(known(this.#rates), this.binSeconds);
    return this.#returning;
  }

  push(rate: number | null): void {
    this.#rates.push(rate);
    if (this.#rates.length > this.#binsOf(PAST_SECONDS)) this.#rates.shift();
    this.#usual = this.#usualOf();
    this.#returning = null;
  }

  #usualOf(): number | null {
    const rates = known(this.#rates.slice(-this.#binsOf(USUAL_SECONDS)));
    return rates.length === 0 ? null : sum(rates) / rates.length;
  }

  #binsOf(seconds: number): number {
    return Math.ceil(seconds / this.binSeconds);
  }
}

/**
 * Where the load left and came back at least `RISES` times, the rates at which `LIKELY_RATES` equal shares of the past's requests
 * came, rising: in bursts more come at high rates than a mean over time tells. Empty: the load does not come and go.
 */
function returningRates(past: readonly number[], binSeconds: number): number[] {
  const total = sum(past);
  if (past.length * binSeconds < LEAST_SECONDS || rises(past, total / past.length) < RISES) return [];
  const rates = past.toSorted((a, b) => a - b);
  const share = total / LIKELY_RATES;
  const found: number[] = [];
  let k = 0;
  /** Of the bin `k`, what no share has taken yet. */
  let left = rates[0] ?? 0;
  for (let i = 0; i < LIKELY_RATES; i++) {
    let wanted = share;
    let weighed = 0;
    while (wanted > left && k < rates.length - 1) {
      weighed += left * (rates[k] ?? 0);
      wanted -= left;
      k++;
      left = rates[k] ?? 0;
    }
    weighed += wanted * (rates[k] ?? 0);
    left -= wanted;
    found.push(weighed / share);
  }
  return found;
}

function rises(rates: readonly number[], mean: number): number {
  let count = 0;
  let low = false;
  for (const rate of rates) {
    if (rate < mean * LOW) low = true;
    if (!low || rate <= mean * HIGH) continue;
    count++;
    low = false;
  }
  return count;
}

function known(rates: readonly (number | null)[]): number[] {
  return rates.filter((rate) => rate !== null);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
