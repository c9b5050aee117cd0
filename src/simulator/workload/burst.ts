import { logNormal, type Random, seededRandom } from './random.js';
import { type RatePoint, rateAt } from './shape.js';

/** How bursty a load is. */
export interface Burstiness {
  /** Busiest minute over the mean, above 1. */
  peakMinuteToMean: number;
  /** Variance over mean of the counts of one second, at least 1, at a mean rate of `atRps` requests/s. */
  dispersion: number;
  /**
   * A rate that varies by itself makes the index of dispersion grow with the rate: D = 1 + rps CV^2. A trace replayed
   * with a rate factor therefore has another one than its publishers state; this is the rate at which they do.
   */
  atRps: number;
  /** After so long a burst has faded to 1/e; and the flicker of single seconds. */
  memorySeconds: number;
  flickerSeconds: number;
}

/** Rounds in which the two depths are fitted in turn. */
const ROUNDS = 6;
const HALVINGS = 30;
/** Deepest modulation, as standard deviation of the logarithm. */
const DEEPEST = 4;

/**
 * A doubly stochastic rate (Cox process): the curve times exp(p x + q y), x and y Ornstein-Uhlenbeck processes of unit
 * variance that forget in `memorySeconds` and `flickerSeconds`, its mean kept. p and q are fitted so that the
 * busiest minute is the wanted multiple of the mean and the variance of the rate of single seconds is CV^2 = (D - 1) /
 * atRps of its square (law of total variance: var/mean of the counts = 1 + mean CV^2). Where both cannot be had, as when the busiest minute alone asks for more variance, the busiest minute is met.
 */
export function burstCurve(rate: readonly RatePoint[], wanted: Burstiness, seed: number): RatePoint[] {
  const from = rate[0]?.atSeconds ?? 0;
  const seconds = Math.floor((rate.at(-1)?.atSeconds ?? 0) - from);
  const base = Array.from({ length: seconds }, (_, k) => rateAt(rate, from + k + 0.5));
  const x = memoryOf(seededRandom(seed, 'burst'), seconds, wanted.memorySeconds);
  const y = memoryOf(seededRandom(seed, 'flicker'), seconds, wanted.flickerSeconds);
  const average = mean(base);
  const rates = (p: number, q: number): number[] => {
    const raw = base.map((rps, k) => rps * Math.exp(p * (x[k] ?? 0) + q * (y[k] ?? 0)));
    const scale = average / mean(raw);
    return raw.map((rps) => rps * scale);
  };
  const square = (wanted.dispersion - 1) / wanted.atRps;
  let p = 0;
  let q = 0;
  for (let round = 0; round < ROUNDS; round++) {
    q = smallest((depth) => squareCv(rates(p, depth)) >= square);
    p = smallest((depth) => busiestMinute(rates(depth, q)) >= wanted.peakMinuteToMean * average);
  }
  // Each second has one rate: a line from one to the next would take variance away.
  return rates(p, q).flatMap((rps, k) => [
    { atSeconds: from + k, rps },
    { atSeconds: from + k + 1, rps },
  ]);
}

/** An Ornstein-Uhlenbeck process of mean 0 and variance 1, second by second. */
function memoryOf(random: Random, seconds: number, memorySeconds: number): Float64Array {
  const keep = Math.exp(-1 / memorySeconds);
  const normal = () => Math.log(logNormal(random, 1, 1));
  const states = new Float64Array(seconds);
  let state = normal();
  for (let k = 0; k < seconds; k++) {
    states[k] = state;
    state = keep * state + Math.sqrt(1 - keep * keep) * normal();
  }
  return states;
}

/** The smallest depth for which something holds that holds from some depth on; the deepest where none does. */
function smallest(holds: (depth: number) => boolean): number {
  if (holds(0)) return 0;
  let low = 0;
  let high = DEEPEST;
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (holds(middle)) high = middle;
    else low = middle;
  }
  return high;
}

function squareCv(rates: readonly number[]): number {
  const average = mean(rates);
  return mean(rates.map((rps) => (rps - average) ** 2)) / (average * average);
}

function busiestMinute(rates: readonly number[]): number {
  let most = 0;
  for (let k = 0; k + 60 <= rates.length; k += 60) most = Math.max(most, mean(rates.slice(k, k + 60)));
  return most;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
