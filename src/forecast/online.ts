import type { LoadPredictorName } from '../config/types.js';
import type { ForecasterState } from './state.js';

/** A distribution of a rate, requests/s. */
export interface RateQuantiles {
  /** >= 0, finite. */
  mean: number;
  /**
   * The rate that is not exceeded with probability p, 0 < p < 1: finite, >= 0, never falling in p. Throws `RangeError`
   * for a p outside.
   */
  quantile(p: number): number;
}

/**
 * Forecasts the arrival rate of a pool from its counts, told bin by bin. Deterministic: the same bins give the same
 * forecasts, and only `push` changes anything. Leaves out on purpose: the clock (a bin without a count is pushed as null, so
 * that seasons keep their phase) and what a rate means for replicas.
 */
export interface OnlineForecaster {
  readonly name: LoadPredictorName;
  readonly binSeconds: number;
  /** The next bin: requests/s. null: not known (a gap, which is never zero); 0: an idle bin. Else not below 0. */
  push(rate: number | null): void;
  /** The rate of each of the next `bins` bins, as it will be counted. Empty while nothing is known. */
  forecast(bins: number): RateQuantiles[];
  /**
   * The largest of the rates of the bins from `from` to `to` ahead (1: the next one), as they will be counted. Null while
   * nothing is known.
   */
  peak(from: number, to: number): RateQuantiles | null;
  /** Everything it knows, as plain JSON: `createForecaster` goes on from it as if there had been no pause. */
  save(): ForecasterState;
}

export interface ForecasterOptions {
  /** Length of a bin, s. */
  binSeconds: number;
  /** How far ahead forecasts are wanted, s: what `combined` weighs its models by. Default: 150, a short cold start and a bin. */
  horizonSeconds?: number;
}
