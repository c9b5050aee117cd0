import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { SluiceError, unreachable } from '../../contract/errors.js';
import { azureParser } from './azure.js';
import { jsonlParser, mooncakeParser } from './json.js';
import { BadRow, type RowParser, type TraceRow } from './row.js';

export const TRACE_FORMATS = ['azure', 'mooncake', 'jsonl'] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

export interface TraceOptions {
  /** Count broken rows instead of failing on the first. */
  skipBad?: boolean;
  /** Take only the rows of the first so many seconds. */
  maxSeconds?: number;
  /** Named in messages. */
  name?: string;
}

export interface Trace {
  /** Sorted by time; the first row is at 0. */
  rows: TraceRow[];
  /** Rows left out by `skipBad`. */
  skipped: number;
  /** What was wrong with the first of them. */
  firstBad: string | null;
}

function parserOf(format: TraceFormat): RowParser {
  switch (format) {
    case 'azure':
      return azureParser();
    case 'mooncake':
      return mooncakeParser();
    case 'jsonl':
      return jsonlParser();
    default:
      return unreachable(format);
  }
}

/**
 * Reads rows from lines. Throws `invalid_request` with the line number at a broken or unsorted row (unless
 * `skipBad`), and when no row is left.
 */
export async function parseTrace(
  lines: AsyncIterable<string> | Iterable<string>,
  format: TraceFormat,
  options: TraceOptions = {},
): Promise<Trace> {
  const name = options.name ?? 'trace';
  const parse = parserOf(format);
  const trace: Trace = { rows: [], skipped: 0, firstBad: null };
  let line = 0;
  let origin: number | null = null;
  let last = 0;
  for await (const text of lines) {
    line++;
    if (text.trim() === '') continue;
    try {
      const row = parse(text);
      if (row === null) continue;
      origin ??= row.atSeconds;
      const atSeconds = row.atSeconds - origin;
      if (atSeconds < last)
        throw new BadRow(
          `expected rows in order of time, got one ${(last - atSeconds).toFixed(3)} s before the last`,
        );
      if (options.maxSeconds !== undefined && atSeconds >= options.maxSeconds) break;
      last = atSeconds;
      trace.rows.push({ ...row, atSeconds });
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      const what = `${name}:${line}: ${error.message}`;
      if (!options.skipBad)
        throw new SluiceError(
          'invalid_request',
          `${what}; correct the row, or leave such rows out with --skip-bad`,
        );
      trace.skipped++;
      trace.firstBad ??= what;
    }
  }
  if (trace.rows.length > 0) return trace;
  const left =
    trace.firstBad === null ? '' : `; ${trace.skipped} rows were left out, the first: ${trace.firstBad}`;
  throw new SluiceError('invalid_request', `${name}: expected at least one ${format} row, got none${left}`);
}

/** Reads a trace file line by line. Throws `invalid_request` as `parseTrace`, `not_found` when there is no such file. */
export async function readTrace(
  path: string,
  format: TraceFormat,
  options: TraceOptions = {},
): Promise<Trace> {
  const stream = createReadStream(path, 'utf8');
  const failed = new Promise<never>((_, reject) => stream.once('error', reject));
  failed.catch(() => undefined);
  try {
    await Promise.race([new Promise((resolve) => stream.once('open', resolve)), failed]);
    const lines = createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY });
    return await Promise.race([parseTrace(lines, format, { name: path, ...options }), failed]);
  } catch (error) {
    if (error instanceof SluiceError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('not_found', `expected a trace file at ${path}: ${reason}`, { cause: error });
  } finally {
    stream.destroy();
  }
}
