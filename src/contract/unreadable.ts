import { SluiceError } from './errors.js';

/**
 * A file that a command was given and that cannot be read: `not_found` where there is none, else `invalid_request`
 * (a folder, no right to read it). @param what it should be, such as `a trace file`
 */
export function unreadable(what: string, path: string, error: unknown): SluiceError {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT')
    return new SluiceError('not_found', `expected ${what} at ${path}, found none`, { cause: error });
  const reason =
    code === 'EISDIR' ? 'it is a folder' : error instanceof Error ? error.message : String(error);
  return new SluiceError('invalid_request', `expected ${what} at ${path}: ${reason}`, { cause: error });
}
