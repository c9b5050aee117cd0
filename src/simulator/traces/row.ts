/** Tokens of one block of a prompt that a row names by a hash id. */
export const ROW_BLOCK_TOKENS = 512;

/** One request of a trace. */
export interface TraceRow {
  /** Seconds from the trace's first row (from an origin of the parser's choice before `readTrace` shifts it). */
  atSeconds: number;
  /** Prompt tokens, at least 1. */
  isl: number;
  /** Output tokens, at least 1. */
  osl: number;
  /** SLO level that the row itself names. */
  level?: string;
  id?: string;
  prompt?: string;
  /** Hash ids of the prompt's blocks of `ROW_BLOCK_TOKENS`: equal ids, equal text. */
  blocks?: readonly number[];
}

/** Most tokens that a row may name on either side; more is taken for a broken row. */
export const MAX_ROW_TOKENS = 1_000_000;

/** What is wrong with one row; the reader adds file and line. */
export class BadRow extends Error {}

/** Reads one line; null: a line that is no row (a header). Throws `BadRow`. One parser reads one file, in order. */
export type RowParser = (text: string) => TraceRow | null;

/** Checks a token count. Throws `BadRow` unless it is a whole number in 1..1,000,000. */
export function tokenCount(name: string, value: number, raw: string): number {
  if (!Number.isInteger(value)) throw new BadRow(`expected ${name} to be a whole number, got ${show(raw)}`);
  if (value < 1) throw new BadRow(`expected ${name} to be at least 1 token, got ${show(raw)}`);
  if (value > MAX_ROW_TOKENS)
    throw new BadRow(`expected ${name} to be at most ${MAX_ROW_TOKENS} tokens, got ${show(raw)}`);
  return value;
}

/** A value as shown in a message, cut to a readable length. */
export function show(raw: string): string {
  return JSON.stringify(raw.length > 60 ? `${raw.slice(0, 60)}...` : raw);
}
