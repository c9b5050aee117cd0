import type { RateForecast } from '../forecast/rate.js';
import { LIKELY_RATES, type Outlook } from './outlook.js';
import { rateNow, type Sight } from './sight.js';

/** What a forecast comes to over a horizon: its highest mean, and the deviation there. */
export type WindowForecast = Pick<RateForecast, 'peak' | 'sd' | 'horizonSeconds'>;

/** What the slow loop sizes for: equally likely arrival rates, requests/s, and how far ahead they lie. */
export interface RatesAhead {
  rates: readonly number[];
  /** Seconds from now. */
  seconds: number;
  mean: number;
}

/** Middles of eight equal shares of the standard normal distribution. */
const NORMAL = [-1.534, -0.887, -0.489, -0.157, 0.157, 0.489, 0.887, 1.534];

/**
 * Rates at the lead that the look-ahead names; null: nothing is known, or it is not the time. A pool that never looks
 * ahead is sized for the load of now, by the capacity model where there is one.
 */
export function ratesAhead(
  s: Sight,
  seconds: number | null,
  fallback: WindowForecast | null,
): RatesAhead | null {
  if (!s.slow) return null;
  if (seconds === null) {
    const now = s.prospects === null ? null : rateNow(s);
    return now === null ? null : of([now], 0);
  }
  const leads = s.outlook?.leads ?? [];
  const lead = leads.find((at) => at.seconds >= seconds) ?? leads.at(-1);
  if (lead !== undefined) return of(lead.rates, lead.seconds);
  return fallback === null ? null : of(spread(fallback), fallback.horizonSeconds);
}

/** Rates of each lead within `seconds`, nearest first; null: nothing is known, or it is not the time. */
export function ratesWithin(s: Sight, seconds: number, fallback: WindowForecast | null): RatesAhead[] | null {
  if (!s.slow) return null;
  const leads = (s.outlook?.leads ?? []).filter((at) => at.seconds <= seconds + 1e-9);
  if (leads.length === 0) return fallback === null ? null : [of(spread(fallback), fallback.horizonSeconds)];
  return leads.map(({ rates, seconds }) => of(rates, seconds));
}

/** The highest mean of the leads within a horizon, and the deviation of that lead; null: nothing is known. */
export function forecastOf(outlook: Outlook | null, horizonSeconds: number): WindowForecast | null {
  const leads = outlook?.leads ?? [];
  const within = leads.filter((at) => at.seconds <= horizonSeconds + 1e-9);
  let best: WindowForecast | null = null;
  for (const { rates } of within.length > 0 ? within : leads.slice(0, 1)) {
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    const sd = Math.sqrt(rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length);
    if (best === null || mean > best.peak) best = { peak: mean, sd, horizonSeconds };
  }
  return best;
}

function of(rates: readonly number[], seconds: number): RatesAhead {
  return { rates, seconds, mean: rates.reduce((sum, rate) => sum + rate, 0) / Math.max(1, rates.length) };
}

/** The window's forecast as equally likely rates, normal about its peak. */
function spread({ peak, sd }: WindowForecast): number[] {
  return NORMAL.slice(0, LIKELY_RATES).map((z) => Math.max(0, peak + z * sd));
}
