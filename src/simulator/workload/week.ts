import { logNormal, seededRandom } from './random.js';
import type { RatePoint } from './shape.js';

/** A week of traffic by its published figures. */
export interface WeekShape {
  /** Requests per second at the highest point. */
  peakRps: number;
  /** Highest point over the mean of the week, and over the lowest point. */
  peakToMean: number;
  peakToTrough: number;
  /** How far the swing of a weekend day goes, 0..1 of a working day's. */
  weekend: number;
}

const DAY = 86_400;
/** As in the digitised week of Azure 2024: 1,400 points. */
const STEP_SECONDS = 432;
/** Mean change from one point to the next there is 4.4 %, a third of it the error of reading. */
const NOISE = 0.03;
const NOISE_MEMORY = 0.9;

/**
 * A week that begins on a Monday at midnight: each day a swing of two harmonics (low at 5 h, a plateau from 13 h to 20 h),
 * its height and time a little different by seed, weekend days lower, with an autoregressive noise on top. Then
 * r = trough + (peak - trough) s^p, with p such that the week has exactly the wanted mean: every seed has the published
 * figures.
 */
export function weekCurve(shape: WeekShape, seed: number): RatePoint[] {
  const random = seededRandom(seed, 'week');
  const days = Array.from({ length: 8 }, (_, day) => ({
    height: (day % 7 >= 5 ? shape.weekend : 1) * (1 - 0.1 * random()),
    shiftSeconds: (random() - 0.5) * 2400,
  }));
  let noise = 0;
  const swings: number[] = [];
  for (let at = 0; at <= 7 * DAY; at += STEP_SECONDS) {
    const today = days[Math.floor(at / DAY)];
    const next = days[Math.floor(at / DAY) + 1] ?? today;
    if (today === undefined || next === undefined) break;
    // Days flow into each other over the last hours, when the load is low anyway.
    const late = Math.max(0, ((at % DAY) / DAY - 0.8) / 0.2);
    const height = today.height + (next.height - today.height) * late;
    const hour = ((at + today.shiftSeconds * (1 - late) + next.shiftSeconds * late) % DAY) / DAY;
    noise = NOISE_MEMORY * noise + Math.log(logNormal(random, 1, NOISE * Math.sqrt(1 - NOISE_MEMORY ** 2)));
    swings.push(daySwing(hour) * height * Math.exp(noise));
  }
  const low = Math.min(...swings);
  const high = Math.max(...swings);
  const unit = swings.map((swing) => (swing - low) / (high - low));
  const trough = shape.peakRps / shape.peakToTrough;
  const rates = (power: number) => unit.map((s) => trough + (shape.peakRps - trough) * s ** power);
  const power = powerFor((p) => mean(rates(p)), shape.peakRps / shape.peakToMean);
  return rates(power).map((rps, k) => ({ atSeconds: k * STEP_SECONDS, rps }));
}

/** 0..1 over a day: lowest about 5 h, highest about 17 h. */
function daySwing(day: number): number {
  const angle = 2 * Math.PI * (day - 17 / 24);
  return Math.max(0, (1 + Math.cos(angle)) / 2 + 0.12 * Math.cos(2 * angle + Math.PI)) / 1.12;
}

/** The power at which the mean, which falls with it, is the wanted one; the nearest of 0.01..20. */
function powerFor(meanOf: (power: number) => number, wanted: number): number {
  let low = 0.01;
  let high = 20;
  for (let i = 0; i < 60; i++) {
    const mid = Math.sqrt(low * high);
    if (meanOf(mid) > wanted) low = mid;
    else high = mid;
  }
  return Math.sqrt(low * high);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
