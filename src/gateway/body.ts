import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { SluiceError } from '../contract/errors.js';

/** Deeper nesting is nothing a request needs, and costs a stack elsewhere. */
const MAX_DEPTH = 64;

/**
 * Reads JSON bodies and nothing else. Errors, with what is wrong: `invalid_request` on bytes that are not UTF-8, on
 * text that is not JSON, on keys that would change an object's prototype, and beyond `MAX_DEPTH` levels.
 */
export function readJsonBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error');
  app.removeAllContentTypeParsers();
  app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined);
    if (!isUtf8(body)) {
      return done(invalid('expected JSON in UTF-8, got bytes that are not UTF-8'), undefined);
    }
    parse(request, body.toString('utf8'), (error, value: unknown) => {
      if (error !== null) return done(invalid(whyNot(error, body)), undefined);
      if (isDeeper(value, MAX_DEPTH)) {
        return done(invalid(`expected at most ${MAX_DEPTH} levels of nesting, got more`), undefined);
      }
      done(null, value);
    });
  });
}

/** The parser says the same of text that is no JSON and of keys that it refuses. */
function whyNot(error: Error, body: Buffer): string {
  try {
    JSON.parse(body.toString('utf8'));
  } catch {
    return `expected JSON, got: ${error.message}`;
  }
  return 'expected no key __proto__, and no prototype within a key constructor; leave them out';
}

function invalid(message: string): SluiceError {
  return new SluiceError('invalid_request', `body: ${message}`);
}

/** Whether a JSON value nests beyond `limit` levels. Recursion ends at the limit. */
function isDeeper(value: unknown, limit: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (limit === 0) return true;
  for (const inner of Object.values(value)) {
    if (typeof inner === 'object' && inner !== null && isDeeper(inner, limit - 1)) return true;
  }
  return false;
}
