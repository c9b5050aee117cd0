import type { FastifyReply } from 'fastify';
import { type ErrorCode, SluiceError } from '../contract/errors.js';
import { redisError } from '../queues/connection.js';
import { nameCall } from './call-id.js';
import { sendThenLinger } from './linger.js';

/** An error as OpenAI's clients read it. */
export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string };
}

/** What Fastify and Node call their own refusals, and which of ours it is. */
const FRAMEWORK: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_NOT_FOUND: 'not_found',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
};

/** Any thrown value as a known error. What nobody foresaw is `internal`, its message kept from the client. */
export function knownError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  if (!(error instanceof Error)) return new SluiceError('internal', 'unexpected error', { cause: error });
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const status = 'statusCode' in error && typeof error.statusCode === 'number' ? error.statusCode : 500;
  const known = FRAMEWORK[code];
  if (known !== undefined) return new SluiceError(known, error.message, { cause: error });
  if (status >= 400 && status < 500)
    return new SluiceError('invalid_request', error.message, { cause: error });
  const refused = redisError(error);
  if (refused.code !== 'internal') return refused;
  return new SluiceError('internal', 'the gateway failed on this request; its log says why', {
    cause: error,
  });
}

export function errorBody(error: SluiceError): ErrorBody {
  const { code, message, httpStatus } = error;
  return { error: { message, type: typeOf(httpStatus), param: paramOf(message), code } };
}

export function sendError(reply: FastifyReply, error: SluiceError): FastifyReply {
  // No hook has named a call whose path nothing takes.
  nameCall(reply);
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', retryAfter(error.retryAfterSeconds));
  reply.code(error.httpStatus).type('application/json; charset=utf-8');
  const body = errorBody(error);
  const cutShort = reply.getHeader('connection') === 'close' && !reply.request.raw.complete;
  return cutShort ? sendThenLinger(reply, body) : reply.send(body);
}

/** Whole seconds, as HTTP has them, never sooner than asked. */
function retryAfter(seconds: number): string {
  return String(Math.max(1, Math.ceil(seconds)));
}

function typeOf(status: number): string {
  switch (status) {
    case 401:
      return 'authentication_error';
    case 403:
      return 'permission_error';
    case 429:
      return 'rate_limit_error';
    default:
      return status < 500 ? 'invalid_request_error' : 'server_error';
  }
}

/** Messages about one field begin with its path, ours and those of engines. */
function paramOf(message: string): string | null {
  const path = /^([A-Za-z_][\w.[\]-]*): /.exec(message)?.[1];
  return path === undefined || path === 'body' ? null : path;
}
