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

/** The rates of a pool's bins within the last hour, oldest first, requests/s; null: not known. */
export type PastRates = readonly (number | null)[];

/** The past with one more bin. */
export function remember(past: PastRates, rate: number | null, binSeconds: number): (number | null)[] {
  return [...past, rate].slice(-Math.ceil(PAST_SECONDS / binSeconds));
}

/** Mean rate of the last quarter of an hour, requests/s; null: nothing of it is known. */
export function usualRate(past: PastRates, binSeconds: number): number | null {
  const known = knownOf(past.slice(-Math.ceil(USUAL_SECONDS / binSeconds)));
  return known.length === 0 ? null : sum(known) / known.length;
}

/**
 * Where the load left and came back at least `RISES` times, the rates at which `LIKELY_RATES` equal shares of the past's requests
 * came, rising: in bursts more come at high rates than a mean over time tells. Empty: the load does not come and go.
 */
export function returningRates(past: PastRates, binSeconds: number): number[] {
  const known = knownOf(past);
  const total = sum(known);
  if (known.length * binSeconds < LEAST_SECONDS || rises(known, total / known.length) < RISES) return [];
  const rates = known.toSorted((a, b) => a - b);
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

function knownOf(past: PastRates): number[] {
  return past.filter((rate) => rate !== null);
}

function sum(values: readonly number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
