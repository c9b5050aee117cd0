import { gamma, poisson, seededRandom } from './random.js';
import type { RatePoint } from './shape.js';

export interface CountOptions {
  binSeconds: number;
  seed: number;
  /**
   * Index of dispersion of the counts of one second, as in `SeriesLoad`: 1 Poisson, above 1 negative binomial, 0: no noise,
   * the rates as they are.
   */
  dispersion?: number;
}

/**
 * The rate that is counted in each bin, requests/s, where arrivals follow a curve: the same law as `seriesRequests`, drawn bin
 * by bin. Seconds of rate r have a gamma-distributed intensity of shape r / (D - 1) and scale D - 1, and such sum up to
 * one of the same scale, so that a bin needs one draw. The last bin is left out unless it is whole.
 */
export function drawCounts(rate: readonly RatePoint[], options: CountOptions): number[] {
  const { binSeconds, seed, dispersion = 1 } = options;
  const random = seededRandom(seed, 'counts');
  return binMeans(rate, binSeconds).map((rps) => {
    const mean = rps * binSeconds;
    if (dispersion === 0 || mean === 0) return rps;
    const intensity = dispersion > 1 ? mean * gamma(random, mean / (dispersion - 1)) : mean;
    return poisson(random, intensity) / binSeconds;
  });
}

/** Mean rate of each whole bin from the curve's first point on. */
function binMeans(rate: readonly RatePoint[], binSeconds: number): number[] {
  const begin = rate[0]?.atSeconds ?? 0;
  const bins = Math.floor(((rate.at(-1)?.atSeconds ?? 0) - begin) / binSeconds + 1e-9);
  const sums = new Array<number>(Math.max(0, bins)).fill(0);
  for (let k = 1; k < rate.length; k++) {
    const [from, to] = [rate[k - 1], rate[k]];
    if (!from || !to || to.atSeconds <= from.atSeconds) continue;
    const slope = (to.rps - from.rps) / (to.atSeconds - from.atSeconds);
    const at = (seconds: number) => from.rps + slope * (seconds - from.atSeconds);
    const first = Math.floor((from.atSeconds - begin) / binSeconds);
    for (let bin = first; bin < bins && begin + bin * binSeconds < to.atSeconds; bin++) {
      const left = Math.max(from.atSeconds, begin + bin * binSeconds);
      const right = Math.min(to.atSeconds, begin + (bin + 1) * binSeconds);
      if (right > left) sums[bin] = (sums[bin] ?? 0) + (right - left) * at((left + right) / 2);
    }
  }
  return sums.map((sum) => sum / binSeconds);
}

/** The rate that is counted in each whole bin of a trace, from its first row on; requests in order of time. */
export function countArrivals(requests: Iterable<{ atSeconds: number }>, binSeconds: number): number[] {
  const counts: number[] = [];
  for (const { atSeconds } of requests) {
    const bin = Math.floor(atSeconds / binSeconds);
    while (counts.length <= bin) counts.push(0);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts.slice(0, -1).map((count) => count / binSeconds);
}
