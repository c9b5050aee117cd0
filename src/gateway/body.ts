import { isUtf8 } from 'node:buffer';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { SluiceError } from '../contract/errors.js';
import { assertSafe, parseText } from './json.js';

/**
 * Reads JSON bodies and nothing else. Errors, with what is wrong: `unsupported_media_type` on another charset than UTF-8,
 * `invalid_request` on bytes that are not UTF-8, and as of `parseText` and `assertSafe`.
 */
export function readJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parser = async ({ headers }: FastifyRequest, body: Buffer) => {
    assertUtf8(headers['content-type']);
    return body.length === 0 ? undefined : read(body);
  };
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, parser);
}

function assertUtf8(type = ''): void {
  const charset = /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(type)?.[1];
  if (charset === undefined || /^(utf-?8|us-ascii)$/i.test(charset)) return;
  throw new SluiceError(
    'unsupported_media_type',
    `content-type: expected JSON in UTF-8, got charset ${JSON.stringify(charset.slice(0, 40))}`,
  );
}

function read(body: Buffer): unknown {
  if (!isUtf8(body)) {
    throw new SluiceError('invalid_request', 'body: expected JSON in UTF-8, got bytes that are not UTF-8');
  }
  const value = parseText(body.toString('utf8'));
  assertSafe(value);
  return value;
}
