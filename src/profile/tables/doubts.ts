import type { FittedLaw } from './fit.js';
import { decodePoint } from './sweep.js';
import type { MeasuredTable } from './types.js';

/** A law that misses its own points by more than this on average is told, share of the measured value. */
const POOR = 0.25;

/**
 * What speaks against a fitted law, in words: that it misses its own points by more than a quarter on average, and the
 * gross points that it leaves out.
 */
export function lawDoubts(table: MeasuredTable, law: FittedLaw): string[] {
  const { prefill, decode } = table;
  const poor = [
    { name: 'TTFT', error: law.ttftError.meanAbsolute },
    { name: 'ITL', error: law.itlError.meanAbsolute },
  ].filter(({ error }) => error > POOR);
  return [
    ...poor.map(
      ({ name, error }) =>
        `the law of ${name} misses its own points by ${Math.round(100 * error)} % on average: do not rely on it, measure again`,
    ),
    ...law.gross.prefill.map(
      (i) =>
        `TTFT ${short(prefill.ttftMs[i])} ms at ISL ${prefill.isl[i]} is left out: the law of the other points gives more than twice that`,
    ),
    ...law.gross.decode.map(
      (i) =>
        `ITL ${short(decode.itlMs[i])} ms of batch ${decodePoint(table, i).batch} at context ${short(decode.contextLength[i])} is left out: the law of the other points gives more than twice that`,
    ),
  ];
}

function short(value = 0): string {
  return String(Number(value.toPrecision(4)));
}
