import { readEnvironment } from '../config/environment.js';
import { SluiceError } from '../contract/errors.js';
import { plainText } from '../contract/plain-text.js';

/** Runs a command's work; a known error is printed in one line and becomes its exit code. */
export async function guarded(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const known = SluiceError.from(error);
    process.stderr.write(`sluice: ${known.code}: ${plainText(known.message)}\n`);
    if (known.code === 'internal' && known.cause instanceof Error && readEnvironment().logLevel === 'debug') {
      process.stderr.write(`${known.cause.stack}\n`);
    }
    process.exitCode = known.exitCode;
  }
}
