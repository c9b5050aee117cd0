import { z } from 'zod';
import { type ArimaOfDifferences, chooseArima } from '../arima/choose.js';
import { predictArma, residualsOf } from '../arima/css.js';
import { difference } from '../arima/differencing.js';
import type { CountNoise, Path, PathModel } from '../path.js';
import { boundMean, GROWTH_BINS, growthBound } from './growth.js';

/** Bins that are fitted: two hours of 30 s. */
const BINS = 240;
/** Bins between two fits; in the beginning, while each bin tells much, fewer. */
const REFIT_BINS = 30;
const EARLY_BINS = 6;

/** Values and residuals that a model may look back to. */
const TERMS = 2;
/** A miss of more than so many deviations is far. */
const STEP_DEVIATIONS = 3;
/** Of log(1 + count): a deviation of e^2 either way. */
const MOST_VARIANCE = 4;

const coefficients = z.array(z.number()).max(2);
const fittedSchema = z.object({
  d: z.number().int().min(0).max(1),
  arma: z.object({ ar: coefficients, ma: coefficients, mean: z.number() }),
  variance: z.number().min(0),
});
export const arimaStateSchema = z.object({
  /** log(1 + count), oldest first; what stands in for a bin that is not known is in `gaps`. */
  y: z.array(z.number().min(0)).max(BINS),
  /** Places in `y` that are not known. */
  gaps: z.array(z.number().int().min(0)),
  /** Newest residuals, oldest first. */
  residuals: coefficients,
  fitted: fittedSchema.nullable(),
  sinceFit: z.number().int().min(0),
});
type State = z.output<typeof arimaStateSchema>;

/**
 * ARIMA of y = log(1 + count) of a bin over the newest 240 bins, its order chosen and fitted anew every 30 bins. A bin that
 * is not known is filled with its forecast and counts for nothing in a fit; after a step of the load it begins anew. h bins ahead the variance of y is
 * s^2 sum_{j<h} psi_j^2; the mean of the rate is that of a log-normal, (exp(y + var / 2) - 1) / binSeconds.
 */
export class ArimaModel implements PathModel<State> {
  readonly #y: number[];
  readonly #known: boolean[];
  #residuals: number[];
  #fitted: ArimaOfDifferences | null;
  #sinceFit: number;

  constructor(state?: State) {
    this.#y = [...(state?.y ?? [])];
    const gaps = new Set(state?.gaps ?? []);
    this.#known = this.#y.map((_, t) => !gaps.has(t));
    this.#residuals = [...(state?.residuals ?? [])];
    this.#fitted = state?.fitted ?? null;
    this.#sinceFit = state?.sinceFit ?? 0;
  }

  push(rate: number | null, noise: CountNoise): void {
    if (rate === null && this.#y.length === 0) return;
    const expected = this.#means(1)[0] ?? 0;
    const y = rate === null ? Math.max(0, expected) : round(Math.log1p(rate * noise.binSeconds));
    this.#y.push(y);
    this.#known.push(rate !== null);
    if (this.#y.length > BINS) {
      this.#y.shift();
      this.#known.shift();
    }
    this.#residuals = [...this.#residuals, rate === null ? 0 : y - expected].slice(-TERMS);
    this.#sinceFit += 1;
    if (this.#isStep()) this.#forget();
    const due = this.#y.length < 2 * REFIT_BINS ? EARLY_BINS : REFIT_BINS;
    if (this.#fitted === null || this.#sinceFit >= due) this.#fit();
  }

  path(bins: number, noise: CountNoise): Path | null {
    if (this.#fitted === null) return null;
    // The bins since the last one that was known were forecast too.
    const gap = this.#known.length - 1 - this.#known.lastIndexOf(true);
    const variances = stepVariances(this.#fitted, gap + bins).slice(gap);
    const largest = this.#y.slice(-GROWTH_BINS).reduce((most, y) => Math.max(most, y), 0);
    const bound = growthBound(Math.expm1(largest) / noise.binSeconds);
    const path: Path = { mean: [], variance: [] };
    for (const [h, y] of this.#means(bins).entries()) {
      const total = Math.min(variances[h] ?? 0, MOST_VARIANCE);
      const mean = boundMean(Math.expm1(y + total / 2) / noise.binSeconds, bound);
      // What counting adds comes on top of a path; the rest is the path's own.
      const scale = (mean + 1 / noise.binSeconds) ** 2;
      const own = scale * Math.expm1(total) - noise.variance(mean);
      path.mean.push(mean);
      path.variance.push(Math.min(Math.max(own, 0), bound ** 2));
    }
    return path;
  }

  save(): State {
    return {
      y: [...this.#y],
      gaps: this.#known.flatMap((known, t) => (known ? [] : [t])),
      residuals: [...this.#residuals],
      fitted: structuredClone(this.#fitted),
      sinceFit: this.#sinceFit,
    };
  }

  /** Two misses in a row, far and to the same side: the load is another one, and the past tells of the old one. */
  #isStep(): boolean {
    const [before = 0, last = 0] = this.#residuals;
    const far = STEP_DEVIATIONS * Math.sqrt(this.#fitted?.variance ?? Number.POSITIVE_INFINITY);
    return before * last > 0 && Math.abs(before) > far && Math.abs(last) > far;
  }

  #forget(): void {
    this.#y.splice(0, this.#y.length - TERMS);
    this.#known.splice(0, this.#known.length - TERMS);
    this.#fit();
  }

  #fit(): void {
    this.#fitted = chooseArima(this.#y, this.#known);
    this.#sinceFit = 0;
    const { d, arma } = this.#fitted;
    const w = Float64Array.from(difference(this.#y, d));
    const known = Uint8Array.from(w, (_, t) => (this.#known[t + d] === true ? 1 : 0));
    this.#residuals = [...residualsOf(w, known, arma, 0).slice(-TERMS)];
  }

  /** Means of the next values of y. */
  #means(bins: number): number[] {
    let y = this.#y.at(-1) ?? 0;
    if (this.#fitted === null) return new Array<number>(bins).fill(y);
    const { d, arma } = this.#fitted;
    const w = difference(this.#y.slice(-TERMS - d), d);
    while (w.length < TERMS) w.unshift(arma.mean);
    const e = [...new Array<number>(TERMS).fill(0), ...this.#residuals].slice(-TERMS);
    const means: number[] = [];
    for (let h = 0; h < bins; h++) {
      const next = predictArma(w.slice(-TERMS), e.slice(-TERMS), TERMS, arma);
      w.push(next);
      e.push(0);
      y = d === 0 ? next : y + next;
      means.push(y);
    }
    return means;
  }
}

/** Variance of the h-th value ahead: s^2 sum_{j<h} psi_j^2, the psi of the differences summed up where d = 1. */
function stepVariances({ d, arma, variance }: ArimaOfDifferences, steps: number): number[] {
  const psi: number[] = [];
  let sum = 0;
  let squares = 0;
  return Array.from({ length: steps }, (_, j) => {
    let next = j === 0 ? 1 : (arma.ma[j - 1] ?? 0);
    for (const [i, a] of arma.ar.entries()) next += a * (psi[j - 1 - i] ?? 0);
    psi.push(next);
    sum = d === 0 ? next : sum + next;
    squares += sum * sum;
    return variance * squares;
  });
}

/** To a ten thousandth, far below the noise of counting, so that the state stays small. */
function round(y: number): number {
  return Math.round(y * 1e4) / 1e4;
}
