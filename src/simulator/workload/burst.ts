import { logNormal, seededRandom } from './random.js';
import { type RatePoint, rateAt } from './shape.js';

/** How bursty a load is. */
export interface Burstiness {
  /** Busiest minute over the mean, above 1. */
  peakMinuteToMean: number;
  /** Variance over mean of the counts of one second. */
  dispersion: number;
  /** After so long a burst has faded to 1/e. */
  memorySeconds: number;
}

const STEP_SECONDS = 5;

/**
 * A doubly stochastic rate: the curve times exp(p x(t)), x an Ornstein-Uhlenbeck process of unit variance that forgets in
 * `memorySeconds`, its mean kept, and p such that the busiest minute is exactly the wanted multiple of the mean.
 */
export function burstCurve(
  rate: readonly RatePoint[],
  { peakMinuteToMean, memorySeconds }: Burstiness,
  seed: number,
): RatePoint[] {
  const random = seededRandom(seed, 'burst');
  const keep = Math.exp(-STEP_SECONDS / memorySeconds);
  const from = rate[0]?.atSeconds ?? 0;
  const to = rate.at(-1)?.atSeconds ?? 0;
  const base: number[] = [];
  const x: number[] = [];
  let state = Math.log(logNormal(random, 1, 1));
  for (let at = from; at <= to; at += STEP_SECONDS) {
    base.push(rateAt(rate, at));
    x.push(state);
    state = keep * state + Math.sqrt(1 - keep * keep) * Math.log(logNormal(random, 1, 1));
  }
  const wantedMean = mean(base);
  const rates = (power: number) => {
    const raw = base.map((rps, k) => rps * Math.exp(power * (x[k] ?? 0)));
    const scale = wantedMean / mean(raw);
    return raw.map((rps) => rps * scale);
  };
  let low = 0;
  let high = 4;
  for (let i = 0; i < 40; i++) {
    const mid = (low + high) / 2;
    if (Math.max(...minuteMeans(rates(mid))) / wantedMean > peakMinuteToMean) high = mid;
    else low = mid;
  }
  return rates((low + high) / 2).map((rps, k) => ({ atSeconds: from + k * STEP_SECONDS, rps }));
}

/**
 * Index of dispersion that the counts of one second must have about the curve, so that they have `dispersion` all in all:
 * var/mean = d + Var(rate)/E(rate) (law of total variance). At least 1, that of a Poisson process: a curve that varies too
 * much at this rate cannot be less bursty than it is.
 */
export function dispersionAbout(rate: readonly RatePoint[], dispersion: number): number {
  const rates = rate.map(({ rps }) => rps);
  const average = mean(rates);
  if (average === 0) return 1;
  const variance = mean(rates.map((rps) => (rps - average) ** 2));
  return Math.max(1, dispersion - variance / average);
}

function minuteMeans(rates: readonly number[]): number[] {
  const size = 60 / STEP_SECONDS;
  const means: number[] = [];
  for (let k = 0; k + size <= rates.length; k += size) means.push(mean(rates.slice(k, k + size)));
  return means.length > 0 ? means : [mean(rates)];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
