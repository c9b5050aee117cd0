import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { SluiceError, unreachable } from '../../contract/errors.js';
import { unreadable } from '../../contract/unreadable.js';
import { azureParser } from './azure.js';
import { burstGptParser, vidurParser } from './columns.js';
import { type Gap, Gaps } from './gaps.js';
import { jsonlParser, mooncakeParser } from './json.js';
import { BadRow, type RowParser, type TraceRow } from './row.js';

export const TRACE_FORMATS = ['azure', 'mooncake', 'jsonl', 'burstgpt', 'vidur'] as const;
export type TraceFormat = (typeof TRACE_FORMATS)[number];

export interface TraceOptions {
  /** Count broken rows instead of failing on the first. */
  skipBad?: boolean;
  /** Take only the rows of the first so many seconds. */
  maxSeconds?: number;
  /** Rows that are further apart, seconds, are moved so near. */
  maxGapSeconds?: number;
  /** Levels that a row may name; default: any. */
  levels?: readonly string[];
  /** Named in messages. */
  name?: string;
}

/** What there is to tell of the rows that were read. */
export interface TraceFacts {
  file: string;
  /** Rows left out by `skipBad`. */
  skipped: number;
  /** What was wrong with the first of them. */
  firstBad: string | null;
  /** Those left after `maxGapSeconds`. */
  gaps: Gap[];
  /** Taken out by `maxGapSeconds`. */
  shortenedSeconds: number;
}

export interface Trace extends TraceFacts {
  /** Sorted by time; the first row is at 0. */
  rows: TraceRow[];
}

function parserOf(format: TraceFormat, levels: readonly string[] | undefined): RowParser {
  switch (format) {
    case 'azure':
      return azureParser();
    case 'mooncake':
      return mooncakeParser();
    case 'jsonl':
      return jsonlParser(levels);
    case 'burstgpt':
      return burstGptParser();
    case 'vidur':
      return vidurParser();
    default:
      return unreachable(format);
  }
}

/** No trace is longer; a time beyond is in another unit, or wrong, and would make billions of empty minutes. */
const LONGEST_DAYS = 400;

/** Reads the lines of one trace in order: parses, checks the order of time, counts what is left out. */
class RowReader {
  readonly #parse: RowParser;
  readonly #name: string;
  #line = 0;
  #rows = 0;
  #origin: number | null = null;
  #originLine = 0;
  #beforeFirst = 0;
  #last = 0;
  #skipped = 0;
  #firstBad: string | null = null;
  readonly #gaps = new Gaps();
  #shortenedSeconds = 0;

  constructor(
    private readonly format: TraceFormat,
    private readonly options: TraceOptions,
  ) {
    this.#parse = parserOf(format, options.levels);
    this.#name = options.name ?? 'trace';
  }

  /** A row, null for a line that is none, `end` beyond the time wanted. */
  read(text: string): TraceRow | null | 'end' {
    this.#line++;
    if (text.trim() === '') return null;
    try {
      const row = this.#parse(text);
      if (row === null) return null;
      if (this.#origin === null) this.#originLine = this.#line;
      this.#origin ??= row.atSeconds;
      const sinceFirst = row.atSeconds - this.#origin;
      if (sinceFirst > LONGEST_DAYS * 86_400) throw new BadRow(this.#tooFar(sinceFirst));
      if (sinceFirst < 0) this.#beforeFirst++;
      const distance = sinceFirst - this.#last;
      if (distance < 0)
        throw new BadRow(
          `expected rows in order of time, got one ${(-distance).toFixed(3)} s before the last`,
        );
      const { maxSeconds, maxGapSeconds = Number.POSITIVE_INFINITY } = this.options;
      const tooLong = Math.max(0, distance - maxGapSeconds);
      const atSeconds = sinceFirst - this.#shortenedSeconds - tooLong;
      if (maxSeconds !== undefined && atSeconds >= maxSeconds) return 'end';
      if (this.#rows > 0)
        this.#gaps.add({ line: this.#line, fromSeconds: this.#last, seconds: distance - tooLong });
      this.#shortenedSeconds += tooLong;
      this.#last = sinceFirst;
      this.#rows++;
      return { ...row, atSeconds };
    } catch (error) {
      if (!(error instanceof BadRow)) throw error;
      const what = `${this.#name}:${this.#line}: ${error.message}`;
      if (!this.options.skipBad)
        throw new SluiceError(
          'invalid_request',
          `${what}; correct the row, or leave such rows out with --skip-bad`,
        );
      this.#skipped++;
      this.#firstBad ??= what;
      return null;
    }
  }

  /** Of the rows read so far. */
  facts(): TraceFacts {
    return {
      file: this.#name,
      skipped: this.#skipped,
      firstBad: this.#firstBad,
      gaps: this.#gaps.found(),
      shortenedSeconds: this.#shortenedSeconds,
    };
  }

  #tooFar(atSeconds: number): string {
    const unit = this.format === 'mooncake' ? 'milliseconds' : 'seconds';
    const finer = this.format === 'mooncake' ? 'microseconds' : 'milliseconds';
    const hint = this.format === 'azure' ? '' : `; times are ${unit}, this one may be ${finer}`;
    return `expected a time within ${LONGEST_DAYS} days of the first row's, got one ${Math.round(atSeconds / 86_400)} days after it${hint}`;
  }

  /** Throws `invalid_request` when there was no row, or when most came before the first, which then is the wrong one. */
  finish(): void {
    if (this.#beforeFirst > this.#rows)
      throw new SluiceError(
        'invalid_request',
        `${this.#name}:${this.#originLine}: expected the first row to be the earliest, got ${this.#beforeFirst} rows before it and ` +
          `${this.#rows} from it on; correct or remove that row`,
      );
    if (this.#rows > 0) return;
    const left =
      this.#firstBad === null ? '' : `; ${this.#skipped} rows were left out, the first: ${this.#firstBad}`;
    throw new SluiceError(
      'invalid_request',
      `${this.#name}: expected at least one ${this.format} row, got none${left}`,
    );
  }
}

/**
 * Reads rows from lines. Throws `invalid_request` with the line number at a broken or unsorted row (unless
 * `skipBad`), and when no row is left.
 */
export async function parseTrace(
  lines: Iterable<string>,
  format: TraceFormat,
  options: TraceOptions = {},
): Promise<Trace> {
  const reader = new RowReader(format, options);
  const rows: TraceRow[] = [];
  for (const text of lines) {
    const row = reader.read(text);
    if (row === 'end') break;
    if (row !== null) rows.push(row);
  }
  reader.finish();
  return { rows, ...reader.facts() };
}

/** A trace that is read as its rows are asked for. */
export interface TraceStream {
  rows: Iterable<TraceRow>;
  /** Of the rows read so far. */
  facts(): TraceFacts;
}

/**
 * Opens a trace file whose rows are never all in memory. Errors as `readTrace`: that there is none, or a folder, at once,
 * those of rows when they are asked for.
 */
export function streamTrace(path: string, format: TraceFormat, options: TraceOptions = {}): TraceStream {
  const reader = new RowReader(format, { name: path, ...options });
  const file = openFile(path);
  function* rows(): Generator<TraceRow> {
    try {
      for (const text of linesOf(file, path)) {
        const row = reader.read(text);
        if (row === 'end') break;
        if (row !== null) yield row;
      }
      reader.finish();
    } finally {
      closeSync(file);
    }
  }
  return { rows: rows(), facts: () => reader.facts() };
}

/** Nothing is read yet: a pipe gives its bytes only once. */
function openFile(path: string): number {
  let file: number | undefined;
  try {
    file = openSync(path, 'r');
    if (fstatSync(file).isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
    return file;
  } catch (error) {
    if (file !== undefined) closeSync(file);
    throw unreadable('a trace file', path, error);
  }
}

const CHUNK_BYTES = 1 << 20;

/** First bytes of a file that gzip made. */
const GZIP = [0x1f, 0x8b];

function* linesOf(file: number, path: string): Generator<string> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  const decoder = new TextDecoder();
  let rest = '';
  for (let from = 0; ; ) {
    const read = readSync(file, chunk, 0, CHUNK_BYTES, null);
    if (from === 0 && GZIP.every((byte, at) => chunk[at] === byte))
      throw new SluiceError(
        'invalid_request',
        `expected a trace as plain text at ${path}, got one that gzip made; unpack it first (gunzip)`,
      );
    from += read;
    const lines = (rest + decoder.decode(chunk.subarray(0, read), { stream: read > 0 })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) yield line.endsWith('\r') ? line.slice(0, -1) : line;
    if (read > 0) continue;
    if (rest !== '') yield rest;
    return;
  }
}

/**
 * Reads a trace file whole. Throws `invalid_request` as `parseTrace` and for a file that cannot be read, `not_found` when
 * there is no such file.
 */
export async function readTrace(
  path: string,
  format: TraceFormat,
  options: TraceOptions = {},
): Promise<Trace> {
  const file = openFile(path);
  try {
    return await parseTrace(linesOf(file, path), format, { name: path, ...options });
  } finally {
    closeSync(file);
  }
}
