import { writeFileSync } from 'node:fs';
import { SluiceError } from '../../contract/errors.js';

/** Writes a file that an option names. Throws `invalid_request` where it cannot be written. */
export function writeOutput(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('invalid_request', `expected a file that can be written at ${file}: ${reason}`);
  }
}
