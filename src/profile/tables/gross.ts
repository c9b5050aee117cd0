import { nonNegativeLeastSquares } from './nnls.js';
import { median, robustFit } from './robust.js';

/** As far as one law may miss every point and none is gross, share of the measured value. */
const PLAIN = 0.3;
/** A law this far above a point makes it gross: more than twice what was measured. */
const GROSS = 1;
/** At most so many of the points are gross; where more would be, no law has the majority and all are kept. */
const GROSS_SHARE = 0.2;
/** The other points must follow the law: their median miss is no more than this, share of the measured value, */
const FOLLOWED = 0.1;
/** nor more than so many times that of Huber's law: else it follows most points better than the trimmed one does. */
const WORSE = 2;
/** Random starts. With a fifth of the points bad half of all starts of three are good: all 60 bad is 1 in 10^18. */
const STARTS = 60;
/** Rounds of a start; each lowers the sum of squares or is the last. */
const STEPS = 12;

/**
 * Points so far below the law that they would bend it, by index. The rows of `robustFit` are divided by the measured value,
 * so a value far too low is a row far too long, which Huber's weights do not hold back (Huber, Robust Statistics, 1981,
 * ch. 7.9); a value far too high is a short row and does no harm. Where Huber's law misses a point by more than 0.3, least
 * trimmed squares (Rousseeuw, Least median of squares regression, 1984; the steps of Rousseeuw and Van Driessen, Computing
 * LTS regression for large data sets, 2006) finds the law of the best four fifths, coefficients >= 0. Gross are the points
 * that it exceeds by more than 1, relative to the measured value; none where the others do not follow it, and none of less
 * than five points. Deterministic.
 */
export function grossPoints(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
): ReadonlySet<number> {
  const none: ReadonlySet<number> = new Set();
  const spare = Math.floor(GROSS_SHARE * rows.length);
  if (spare === 0) return none;
  const huber = robustFit(rows, targets).misses;
  if (huber.every((miss) => miss <= PLAIN)) return none;
  const law = trimmedFit(rows, targets, rows.length - spare);
  const misses = rows.map((row, i) => missOf(row, targets[i] ?? 1, law));
  const gross = new Set([...misses.keys()].filter((i) => (misses[i] ?? 0) > GROSS));
  const others = median(misses.filter((_, i) => !gross.has(i)).map(Math.abs));
  const followed = others <= FOLLOWED && others <= WORSE * median(huber);
  return followed && gross.size <= spare ? gross : none;
}

/** The law of the `kept` points that follow one best, by least trimmed squares from random starts of a few points. */
function trimmedFit(
  rows: readonly (readonly number[])[],
  targets: readonly number[],
  kept: number,
): readonly number[] {
  const draw = drawer();
  const columns = rows[0]?.length ?? 0;
  let best = { error: Number.POSITIVE_INFINITY, law: new Array<number>(columns).fill(0) };
  for (let start = 0; start < STARTS; start++) {
    let chosen: readonly number[] = Array.from({ length: columns }, () => draw(rows.length));
    let error = Number.POSITIVE_INFINITY;
    for (let step = 0; step < STEPS; step++) {
      const law = nonNegativeLeastSquares(
        chosen.map((i) => rows[i] ?? []),
        chosen.map((i) => targets[i] ?? 1),
      );
      const squares = rows.map((row, i) => missOf(row, targets[i] ?? 1, law) ** 2);
      chosen = [...squares.keys()].sort((a, b) => (squares[a] ?? 0) - (squares[b] ?? 0)).slice(0, kept);
      const now = chosen.reduce((sum, i) => sum + (squares[i] ?? 0), 0);
      if (now < best.error) best = { error: now, law };
      if (now >= error) break;
      error = now;
    }
  }
  return best.law;
}

/** The law less the target, share of the measured value: above 0 where the law is too high. */
function missOf(row: readonly number[], target: number, law: readonly number[]): number {
  return row.reduce((sum, value, j) => sum + value * (law[j] ?? 0), -target);
}

/** Whole numbers below `n`, the same in every run (Park and Miller, Random number generators, 1988). */
function drawer(): (n: number) => number {
  let state = 1;
  return (n) => {
    state = (state * 48271) % 2147483647;
    return state % n;
  };
}
