import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '../../contract/errors.js';
import { streamTrace, TRACE_FORMATS, type TraceFormat } from '../../simulator/traces/read.js';

/** Most files that are offered. */
const OFFERED = 500;

/**
 * Names of the plain files in the folder, in order; null: none is configured. Links are none of them.
 * Errors: `not_found` when the folder cannot be read.
 */
export async function traceNames(folder: string | null): Promise<string[] | null> {
  if (folder === null) return null;
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile() && !entry.name.startsWith('.'));
    return files
      .map(({ name }) => name)
      .sort()
      .slice(0, OFFERED);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new SluiceError('not_found', `gateway.traces: expected a folder that can be read, got ${reason}`);
  }
}

/** The path of an offered file. Errors: `not_found` for any other name. */
export async function tracePath(folder: string | null, name: string): Promise<string> {
  const names = await traceNames(folder);
  if (folder !== null && names?.includes(name) === true) return join(folder, name);
  const have = names === null ? 'gateway.traces names no folder' : `there are ${names.length} files`;
  throw new SluiceError(
    'not_found',
    `source.name: expected a file of the trace folder, got ${JSON.stringify(name)} (${have})`,
  );
}

/** The first format in which the file's first row can be read. Errors: `invalid_request`: none. */
export function traceFormat(path: string): TraceFormat {
  for (const format of TRACE_FORMATS) {
    const rows = streamTrace(path, format).rows[Symbol.iterator]();
    try {
      if (rows.next().done !== true) return format;
    } catch {
      // Another format's.
    } finally {
      rows.return?.();
    }
  }
  throw new SluiceError(
    'invalid_request',
    `expected a trace of ${TRACE_FORMATS.join(', ')}, got none of them`,
  );
}
