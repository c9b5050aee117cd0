import type { z } from 'zod';
import { SluiceError } from '../../../contract/errors.js';

/** Errors: `invalid_request` with each field that is wrong. */
export function parseBody<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ message, path }) => {
    // Fields of the configuration say only what is expected; zod itself makes sentences.
    const told = /^\p{Lu}/u.test(message) ? message : `expected ${message}`;
    return `${path.join('.') || 'body'}: ${told}`;
  });
  throw new SluiceError('invalid_request', wrong.join('; '));
}
