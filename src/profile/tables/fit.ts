import { badTable } from './check.js';
import { nonNegativeLeastSquares } from './nnls.js';
import type { MeasuredTable } from './types.js';

/** How far a fitted law is from the measurements, share of the measured value: 0.05 is 5 %. */
export interface FitError {
  /** Points that were fitted. */
  points: number;
  meanAbsolute: number;
  worst: number;
}

/** The law TTFT = a0 + a1 n + a2 n^2, ITL = b0 + b1 batch + b2 kvTokens in seconds, with its errors. */
export interface FittedLaw {
  ttft: readonly [a0: number, a1: number, a2: number];
  itl: readonly [b0: number, b1: number, b2: number];
  ttftError: FitError;
  itlError: FitError;
  /** Decode points left out: batches above `maxBatch`. */
  leftOut: number;
}

export interface FitOptions {
  /** Leaves out decode points of larger batches, where the engine's own cap of sequences holds requests back. */
  maxBatch?: number;
}

/**
 * Fits the law to the relative errors, robustly, coefficients >= 0. A decode point's batch is
 * kvTokens / contextLength, its kvTokens = kvUsage x maxKvTokens.
 * @throws SluiceError invalid_config where `maxBatch` leaves no decode point.
 */
export function fitLaw(table: MeasuredTable, options: FitOptions = {}): FittedLaw {
  const { prefill, decode } = table;
  const ttft = relativeFit(
    prefill.isl.map((isl) => [1, isl, isl * isl]),
    prefill.ttftMs,
  );
  const rows: number[][] = [];
  const itlMs: number[] = [];
  decode.kvUsage.forEach((usage, i) => {
    const kvTokens = usage * decode.maxKvTokens;
    const batch = kvTokens / (decode.contextLength[i] ?? 1);
    // A whole number of sequences, give or take the digits of the recorded usage.
    if (Math.round(batch) > (options.maxBatch ?? Number.POSITIVE_INFINITY)) return;
    rows.push([1, batch, kvTokens]);
    itlMs.push(decode.itlMs[i] ?? 0);
  });
  if (rows.length === 0) {
    throw badTable(table.source, 'decode', `expected a point of batch ${options.maxBatch} or less, got none`);
  }
  const itl = relativeFit(rows, itlMs);
  return {
    ttft: inSeconds(ttft.coefficients),
    itl: inSeconds(itl.coefficients),
    ttftError: ttft.error,
    itlError: itl.error,
    leftOut: decode.kvUsage.length - rows.length,
  };
}

/** Enough rounds for three coefficients to settle. */
const ROUNDS = 30;
/** Relative errors below this weigh fully even when all others are smaller. */
const LEAST_SCALE = 0.01;

/**
 * Huber's robust regression by reweighting (Huber, Robust Statistics, 1981, ch. 7), so that one bad point does not pull
 * the law: a relative error beyond twice the median one counts in proportion, not squared.
 */
function relativeFit(
  rows: readonly (readonly number[])[],
  measured: readonly number[],
): { coefficients: number[]; error: FitError } {
  const relative = rows.map((row, i) => row.map((value) => value / (measured[i] ?? 1)));
  let weights = measured.map(() => 1);
  let coefficients: number[] = [];
  let misses: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    coefficients = nonNegativeLeastSquares(
      relative.map((row, i) => row.map((value) => value * (weights[i] ?? 1))),
      weights,
    );
    misses = relative.map((row) =>
      Math.abs(row.reduce((sum, value, j) => sum + value * (coefficients[j] ?? 0), 0) - 1),
    );
    const scale = Math.max(LEAST_SCALE, 2 * median(misses));
    weights = misses.map((miss) => Math.sqrt(Math.min(1, scale / miss)));
  }
  return { coefficients, error: errorOf(misses) };
}

function errorOf(misses: readonly number[]): FitError {
  const total = misses.reduce((sum, miss) => sum + miss, 0);
  return {
    points: misses.length,
    meanAbsolute: total / misses.length,
    worst: misses.reduce((most, miss) => Math.max(most, miss), 0),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

function inSeconds([c0 = 0, c1 = 0, c2 = 0]: readonly number[]): [number, number, number] {
  return [c0 / 1000, c1 / 1000, c2 / 1000];
}
