import type { LoadPredictorName } from '../config/types.js';
import { Calibration, ratesOf } from './bands/calibration.js';
import { largestBand } from './bands/largest.js';
import { growthBound } from './models/growth.js';
import { NoiseTracker } from './noise.js';
import type { OnlineForecaster, RateQuantiles } from './online.js';
import type { Path, PathModel } from './path.js';
import type { ForecasterState } from './state.js';

/** What every forecaster saves besides its model. */
export type BaseState = Pick<ForecasterState, 'version' | 'binSeconds' | 'noise' | 'calibration' | 'largest'>;

/** What a bin leaves of the largest rate before it: as long a memory as that of the scores. */
const FADE = 1 - 1 / 250;

/** A model of the mean rate with bands that have been checked against what came. */
export class BandedForecaster implements OnlineForecaster {
  readonly #noise: NoiseTracker;
  readonly #calibration: Calibration;
  /** Undefined: not known. */
  #largest: number | undefined;
  /** The longest path asked for since the last bin. */
  #path: Path | null = null;

  constructor(
    readonly name: LoadPredictorName,
    readonly binSeconds: number,
    private readonly model: PathModel,
    private readonly complete: (base: BaseState) => ForecasterState,
    state?: BaseState,
  ) {
    this.#noise = new NoiseTracker(binSeconds, state?.noise);
    this.#calibration = new Calibration(state?.calibration);
    this.#largest = state?.largest;
  }

  push(rate: number | null): void {
    if (rate !== null && !(rate >= 0 && Number.isFinite(rate)))
      throw new RangeError(`expected a rate of 0 or more, or null for one that is not known, got ${rate}`);
    if (rate !== null) this.#largest = Math.max(rate, (this.#largest ?? 0) * FADE);
    this.#calibration.observe(rate, this.#noise);
    this.#noise.push(rate);
    // An idle beginning is no past: what comes after it is no growth, and nothing that a model should explain.
    this.model.push(this.#calibration.hasTraffic ? rate : null, this.#noise);
    this.#path = null;
    this.#calibration.note((bins) => this.#ahead(bins), this.#noise);
  }

  forecast(bins: number): RateQuantiles[] {
    const path = this.#ahead(bins);
    if (path === null) return [];
    return Array.from({ length: bins }, (_, h) => this.#rates(path, h + 1, h + 1));
  }

  peak(from: number, to: number): RateQuantiles | null {
    if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 1 && to >= from))
      throw new RangeError(
        `expected leads of 1 or more, the second not before the first, got ${from}, ${to}`,
      );
    const path = this.#ahead(to);
    if (path === null) return null;
    return this.#rates(path, from, to);
  }

  save(): ForecasterState {
    return this.complete({
      version: 1,
      binSeconds: this.binSeconds,
      noise: this.#noise.save(),
      calibration: this.#calibration.save(),
      ...(this.#largest === undefined ? {} : { largest: this.#largest }),
    });
  }

  /**
   * Calibrated, and bounded by what was seen: scores of a calm past times the spread of a load that has just changed would
   * tell of many times any rate that came.
   */
  #rates(path: Path, from: number, to: number): RateQuantiles {
    const rates = ratesOf(largestBand(path, this.#noise, from, to), this.#calibration.scores(from, to));
    const bound = this.#largest === undefined ? Number.POSITIVE_INFINITY : growthBound(this.#largest);
    return {
      mean: Math.min(bound, rates.mean),
      quantile: (p) => Math.min(bound, rates.quantile(p)),
    };
  }

  #isIdle(): boolean {
    return !this.#calibration.hasTraffic && this.#noise.last === 0;
  }

  #ahead(bins: number): Path | null {
    if (this.#path === null || this.#path.mean.length < bins)
      this.#path = this.model.path(bins, this.#noise) ?? (this.#isIdle() ? flatZero(bins) : null);
    return this.#path;
  }
}

function flatZero(bins: number): Path {
  return { mean: new Array<number>(bins).fill(0), variance: new Array<number>(bins).fill(0) };
}
