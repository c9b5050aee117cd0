import { SluiceError } from '../../contract/errors.js';

/** Reads a number option above `min` (exclusive). Throws `invalid_request`. */
export function numberOption(name: string, text: string, min = 0): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value > min) return value;
  throw new SluiceError(
    'invalid_request',
    `expected ${name} to be a number above ${min}, got ${JSON.stringify(text)}`,
  );
}

/** Reads a number option of 0 or more. Throws `invalid_request`. */
export function zeroOrMore(name: string, text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new SluiceError(
    'invalid_request',
    `expected ${name} to be a number of 0 or more, got ${JSON.stringify(text)}`,
  );
}

/** Reads a whole number of 0..2^32-1. Throws `invalid_request`. */
export function seedOption(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 32) return value;
  throw new SluiceError(
    'invalid_request',
    `expected --seed to be a whole number from 0 to 4294967295, got ${JSON.stringify(text)}`,
  );
}
