import { writeFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { SluiceError } from '../../contract/errors.js';
import type { Profile } from '../../profile/types.js';

/** A repeatable option. */
export function each<T>(parse: (text: string) => T): (text: string, before: T[]) => T[] {
  return (text, before) => [...before, parse(text)];
}

export function positive(text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError('expected a number above 0');
}

export function count(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError('expected a whole number of 0 or more');
}

/** `1,2,4`, and repeatable. */
export function degrees(text: string, before: number[] | undefined): number[] {
  const values = text.split(',').map((part) => count(part.trim()));
  if (values.includes(0)) throw new InvalidArgumentError('expected TP degrees of 1 or more, such as 1,2,4');
  return [...new Set([...(before ?? []), ...values])].sort((a, b) => a - b);
}

export function share(text: string): number {
  const value = Number(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('expected a share above 0 and up to 1');
}

/** Writes a profile's file and says so on stderr. @throws SluiceError invalid_request where it cannot be written. */
export function writeProfile(profile: Profile, file: string): void {
  try {
    writeFileSync(file, `${JSON.stringify(profile, null, 2)}\n`);
  } catch (error) {
    throw new SluiceError(
      'invalid_request',
      `--out ${file}: cannot be written (${SluiceError.from(error).message})`,
    );
  }
  process.stderr.write(`${file}: profile ${profile.name}, TP ${Object.keys(profile.tp).join(', ')}\n`);
}
