import { accessSync, constants, existsSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SluiceError } from '../../contract/errors.js';

/** Writes a file that an option names. Throws `invalid_request` where it cannot be written. */
export function writeOutput(file: string, text: string): void {
  tried(file, () => writeFileSync(file, text));
}

/** Before long work whose result goes there. Throws as `writeOutput` would. */
export function checkOutput(file: string): void {
  tried(file, () => {
    const exists = existsSync(file);
    if (exists && statSync(file).isDirectory()) throw new Error('it is a folder');
    accessSync(exists ? file : dirname(file), constants.W_OK);
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
