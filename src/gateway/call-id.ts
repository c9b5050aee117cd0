import { randomUUID } from 'node:crypto';
import type { FastifyReply } from 'fastify';

/** Names a call of the API: by it an error is asked about, where it has no request to be named by. */
export function callId(): string {
  return `call-${randomUUID()}`;
}

/** Names a call of the API in its answer, unless that has the id of a request. */
export function nameCall(reply: FastifyReply): void {
  const { id, url } = reply.request;
  if (url.startsWith('/v1/') && !reply.hasHeader('x-request-id')) reply.header('x-request-id', id);
}
