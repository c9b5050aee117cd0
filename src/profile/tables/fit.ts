import { badTable } from './check.js';
import { grossPoints } from './gross.js';
import { robustFit } from './robust.js';
import {
  type DecodeSweep,
  decodePoint,
  examineSweep,
  furtherSteps,
  interferenceMs,
  type TtftMs,
} from './sweep.js';
import type { MeasuredTable } from './types.js';

/** How far a fitted law is from the points that it was fitted to, share of the measured value: 0.05 is 5 %. */
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
  /** Points left out, by index into their columns: the law is more than twice what was measured there (`grossPoints`). */
  gross: { prefill: readonly number[]; decode: readonly number[] };
  /** Whether the ITL points contain the computation of prompts, which the law then leaves out. */
  sweep: DecodeSweep;
}

export interface FitOptions {
  /** Leaves out decode points of larger batches, where the engine's own cap of sequences holds requests back. */
  maxBatch?: number;
}

/** TTFT needs b0 and ITL needs the prompts' cost; they settle in a few turns. */
const TURNS = 4;

/**
 * Fits the law to the relative errors, robustly, coefficients >= 0. What a measured value holds besides the law is
 * left to the engine, and the error is that of both together: a prompt beyond the token budget takes a further step's b0
 * for each chunk; an ITL of a sweep that computed its prompts contains them (`interferenceMs`). Gross points are left out.
 * @throws SluiceError invalid_config where there are fewer than two prompt lengths or decode points within `maxBatch`, and where a law has nothing of its points.
 */
export function fitLaw(table: MeasuredTable, options: FitOptions = {}): FittedLaw {
  const { prefill, decode } = table;
  const points = decode.kvUsage
    .map((_, index) => ({ index, ...decodePoint(table, index) }))
    .filter(({ batch }) => batch <= (options.maxBatch ?? Number.POSITIVE_INFINITY));
  if (points.length === 0) {
    throw badTable(table.source, 'decode', `expected a point of batch ${options.maxBatch} or less, got none`);
  }
  refuseLone(table.source, 'prefill.isl', prefill.isl.length);
  refuseLone(table.source, 'decode', points.length);
  const fitTtft = (b0: number) =>
    relativeFit(
      prefill.isl.map((isl) => [1, isl, isl * isl]),
      prefill.ttftMs,
      prefill.isl.map((isl) => b0 * furtherSteps(isl)),
    );
  const fitItl = (ttft: TtftMs, sweep: DecodeSweep) =>
    relativeFit(
      points.map(({ batch, kvTokens }) => [1, batch, kvTokens]),
      points.map(({ itlMs }) => itlMs),
      points.map(({ batch, isl }) => interferenceMs(sweep, ttft, batch, isl)),
    );
  let ttft = fitTtft(0);
  let sweep = examineSweep(table, ttft.coefficients);
  let itl = fitItl(ttft.coefficients, sweep);
  for (let turn = 1; turn < TURNS; turn++) {
    ttft = fitTtft(itl.coefficients[0]);
    sweep = examineSweep(table, ttft.coefficients);
    itl = fitItl(ttft.coefficients, sweep);
  }
  refuseAbsurd(table.source, 'prefill.ttft', ttft.error);
  refuseAbsurd(table.source, 'decode.itl', itl.error);
  return {
    ttft: inSeconds(ttft.coefficients),
    itl: inSeconds(itl.coefficients),
    ttftError: ttft.error,
    itlError: itl.error,
    leftOut: decode.kvUsage.length - points.length,
    gross: {
      prefill: ttft.gross,
      decode: itl.gross.map((i) => points[i]?.index ?? i),
    },
    sweep,
  };
}

/** From one point nothing follows of any other: prompts would be free, or batches. */
function refuseLone(source: string, place: string, points: number): void {
  if (points < 2)
    throw badTable(source, place, `expected at least 2 points, better 3 or more, got ${points}`);
}

/** A law that is further off than this share on average says less than one that is always 0. */
const ABSURD = 1;

function refuseAbsurd(source: string, place: string, { meanAbsolute }: FitError): void {
  if (meanAbsolute <= ABSURD) return;
  throw badTable(
    source,
    place,
    `no law follows these points (mean absolute error ${Math.round(100 * meanAbsolute)} %); ` +
      'check that both tables are in milliseconds and of the same engine',
  );
}

type Terms = readonly [number, number, number];

/** A robust fit to the relative errors without gross points; `given` is a known part of each measured value. */
function relativeFit(
  rows: readonly (readonly number[])[],
  measured: readonly number[],
  given: readonly number[],
): { coefficients: Terms; error: FitError; gross: number[] } {
  const relative = rows.map((row, i) => row.map((value) => value / (measured[i] ?? 1)));
  const targets = measured.map((value, i) => 1 - (given[i] ?? 0) / value);
  const gross = grossPoints(relative, targets);
  const kept = <T>(values: readonly T[]) => values.filter((_, i) => !gross.has(i));
  const { coefficients, misses } = robustFit(kept(relative), kept(targets));
  const [c0 = 0, c1 = 0, c2 = 0] = coefficients;
  return { coefficients: [c0, c1, c2], error: errorOf(misses), gross: [...gross] };
}

function errorOf(misses: readonly number[]): FitError {
  const total = misses.reduce((sum, miss) => sum + miss, 0);
  return {
    points: misses.length,
    meanAbsolute: total / misses.length,
    worst: misses.reduce((most, miss) => Math.max(most, miss), 0),
  };
}

function inSeconds([c0, c1, c2]: Terms): Terms {
  return [c0 / 1000, c1 / 1000, c2 / 1000];
}
