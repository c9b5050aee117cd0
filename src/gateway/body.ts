import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SluiceError } from '../contract/errors.js';
import { assertSafe, parseText } from './json.js';

/**
 * Reads JSON bodies and nothing else. Errors, with what is wrong: `invalid_request` on bytes that are not UTF-8, and as of
 * `parseText` and `assertSafe`.
 */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parser = async (_request: FastifyRequest, body: Buffer) =>
    body.length === 0 ? undefined : read(body);
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, parser);
}

function read(body: Buffer): unknown {
  if (!isUtf8(body)) {
    throw new SluiceError('invalid_request', 'body: expected JSON in UTF-8, got bytes that are not UTF-8');
  }
  const value = parseText(body.toString('utf8'));
  assertSafe(value);
  return value;
}
