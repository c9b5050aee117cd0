/** False alarms per check that the test allows on steady Poisson traffic. */
export const FALSE_ALARM = 1e-4;
const MIN_ARRIVALS = 10;
const MIN_RATIO = 2;
/** Fewer known baseline seconds tell nothing. */
const MIN_BASELINE_SECONDS = 5;
/** Newest seconds that are tested, at least. */
const MIN_WINDOW_SECONDS = 3;

export interface BurstCheck {
  burst: boolean;
  /** Requests/s in the newest seconds and in those before. */
  rps: number;
  baselineRps: number;
  /** Upper bound of the test's p-value, 0..1. */
  pValue: number;
}

/**
 * Do the newest seconds hold more arrivals than the seconds before can explain?
 *
 * Conditional test of two Poisson counts (Przyborowski and Wilenski 1940): with k arrivals in the newest w seconds and
 * b in the n before them, under an equal rate k of k + b is binomial with probability w / (w + n). Its tail is
 * bounded by Chernoff, P(K >= k) <= exp(-(k + b) D(k / (k + b) || w / (w + n))), and compared with 1e-4: steady
 * Poisson traffic raises a false alarm in at most one of 10,000 checks, however short the baseline. Real traffic
 * is more ragged than Poisson, so a burst must also have at least 10 arrivals and twice the baseline rate.
 *
 * `arrivals`: counts of whole seconds, oldest first, null unknown. Null: too little is known to tell.
 */
export function detectBurst(
  arrivals: readonly (number | null)[],
  fastIntervalSeconds: number,
): BurstCheck | null {
  const window = Math.max(MIN_WINDOW_SECONDS, Math.ceil(fastIntervalSeconds));
  const begin = arrivals.length - window;
  let k = 0;
  let b = 0;
  let baselineSeconds = 0;
  for (let second = 0; second < arrivals.length; second++) {
    const count = arrivals[second] ?? null;
    if (second >= begin) {
      if (count === null) return null;
      k += count;
    } else if (count !== null) {
      b += count;
      baselineSeconds++;
    }
  }
  if (baselineSeconds < MIN_BASELINE_SECONDS) return null;
  const rps = k / window;
  const baselineRps = b / baselineSeconds;
  const pValue = tailBound(k, k + b, window / (window + baselineSeconds));
  const burst = k >= MIN_ARRIVALS && rps >= MIN_RATIO * baselineRps && pValue < FALSE_ALARM;
  return { burst, rps, baselineRps, pValue };
}

/** Chernoff's bound of P(K >= k) for K binomial(n, p), 0 < p < 1; 1 at or below the expectation. */
export function tailBound(k: number, n: number, p: number): number {
  if (k <= n * p) return 1;
  const share = k / n;
  const above = share * Math.log(share / p);
  const below = share < 1 ? (1 - share) * Math.log((1 - share) / (1 - p)) : 0;
  return Math.exp(-n * (above + below));
}
