import { most } from './extent.js';
import { decodePoint } from './sweep.js';
import type { MeasuredTable } from './types.js';

/** Points that other points speak against, by index, with the reason in words. */
export interface Suspects {
  prefill: ReadonlyMap<number, string>;
  decode: ReadonlyMap<number, string>;
}

/** A fall within this share is noise. */
const NOISE = 0.02;

/**
 * Points that no engine can have been measured at rightly: a TTFT above that of longer prompts, an ITL below that of
 * fewer sequences of the same length, a batch of more sequences than the engine runs at once (`maxSequences`).
 */
export function findSuspects(table: MeasuredTable, maxSequences = Number.POSITIVE_INFINITY): Suspects {
  return { prefill: prefillSuspects(table), decode: decodeSuspects(table, maxSequences) };
}

/** As many points as a law has terms; decode points of one batch leave open which term their ITL is of. */
const ENOUGH = 3;

/** Where a table has so few points that its law is one of many, in words. Batches above `maxBatch` do not count. */
export function thinPoints(table: MeasuredTable, maxBatch = Number.POSITIVE_INFINITY): string[] {
  const lengths = table.prefill.isl.length;
  const batches = table.decode.kvUsage
    .map((_, i) => decodePoint(table, i).batch)
    .filter((batch) => batch <= maxBatch);
  const sizes = new Set(batches).size;
  const found: string[] = [];
  if (lengths < ENOUGH)
    found.push(`${lengths} prompt lengths are too few to tell TTFT from: measure ${ENOUGH} or more`);
  if (batches.length < ENOUGH || sizes < 2)
    found.push(
      `${batches.length} decode points of ${sizes} batch sizes are too few to tell ITL from: measure ${ENOUGH} or more, of at least 2 batch sizes`,
    );
  return found;
}

/**
 * The fewest points without which the rest rise: those that are not in a longest rising run of (ISL, TTFT). So one
 * spike is blamed, not all that lie below it.
 */
function prefillSuspects({ prefill }: MeasuredTable): Map<number, string> {
  const { isl, ttftMs } = prefill;
  const kept = new Set(longestRising(ttftMs));
  const found = new Map<number, string>();
  ttftMs.forEach((value, i) => {
    if (kept.has(i)) return;
    const fallsTo = ttftMs.findIndex((later, j) => j > i && later < value * (1 - NOISE));
    const risesFrom = ttftMs.findLastIndex((earlier, j) => j < i && earlier * (1 - NOISE) > value);
    const [other, relation] = fallsTo >= 0 ? [fallsTo, 'more'] : [risesFrom, 'less'];
    found.set(
      i,
      `TTFT ${round(value)} ms at ISL ${isl[i]} is ${relation} than the ${round(ttftMs[other] ?? 0)} ms at ISL ${isl[other]}`,
    );
  });
  return found;
}

function decodeSuspects(table: MeasuredTable, maxSequences: number): Map<number, string> {
  const found = new Map<number, string>();
  const lines = new Map<number, { index: number; batch: number; itlMs: number }[]>();
  for (const index of table.decode.kvUsage.keys()) {
    const context = table.decode.contextLength[index] ?? 0;
    const line = lines.get(context) ?? [];
    lines.set(context, line);
    line.push({ index, ...decodePoint(table, index) });
  }
  for (const [context, line] of lines) {
    line.sort((one, other) => one.batch - other.batch);
    const kept = new Set(longestRising(line.map(({ itlMs }) => itlMs)));
    line.forEach(({ index, batch, itlMs }, i) => {
      if (batch > maxSequences) {
        found.set(
          index,
          `batch ${batch} at context ${context}: an engine runs ${maxSequences} sequences at once`,
        );
      } else if (!kept.has(i)) {
        found.set(
          index,
          `ITL ${round(itlMs)} ms of batch ${batch} at context ${context} is out of line with larger and smaller batches`,
        );
      }
    });
  }
  return found;
}

/** Indices of a longest subsequence in which no value is below one before it, but for noise. */
function longestRising(values: readonly number[]): number[] {
  const length = values.map(() => 1);
  const before = values.map(() => -1);
  values.forEach((value, i) => {
    for (let j = 0; j < i; j++) {
      if ((values[j] ?? 0) * (1 - NOISE) > value || (length[j] ?? 0) + 1 <= (length[i] ?? 0)) continue;
      length[i] = (length[j] ?? 0) + 1;
      before[i] = j;
    }
  });
  const longest = most(length);
  // Of runs of one length the one that ends lowest: spikes are more common than dips.
  const ends = [...values.keys()].filter((i) => length[i] === longest);
  const end = ends.reduce((best, i) => ((values[i] ?? 0) < (values[best] ?? 0) ? i : best), ends[0] ?? -1);
  const path: number[] = [];
  for (let i = end; i >= 0; i = before[i] ?? -1) path.push(i);
  return path.reverse();
}

function round(value: number): string {
  return String(Number(value.toPrecision(4)));
}
