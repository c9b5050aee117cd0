import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { SluiceError } from '../../contract/errors.js';

/** Writes a file that an option names. Throws `invalid_request` where it cannot be written. */
export function writeOutput(file: string, text: string): void {
  tried(file, () => writeFileSync(file, text));
}

/** Before long work whose result goes there; what is there stays as it is. Throws as `writeOutput` would. */
export function checkOutput(file: string): void {
  tried(file, () => {
    const existing = existsSync(file) ? statSync(file) : undefined;
    if (existing?.isDirectory()) throw new Error('it is a folder');
    // A pipe is not opened: its reader would take the end of this look for the end of all.
    if (existing !== undefined && !existing.isFile()) return accessSync(file, constants.W_OK);
    closeSync(openSync(file, 'a'));
    if (existing === undefined) rmSync(realpathSync(file));
  });
}

function tried(file: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('invalid_request', `expected a file that can be written at ${file}: ${reason}`);
  }
}
