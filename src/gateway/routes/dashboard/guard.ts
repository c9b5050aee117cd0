import type { FastifyRequest } from 'fastify';
import { isLoopback } from '../../../config/loopback.js';
import { SluiceError } from '../../../contract/errors.js';
import { assertOperator } from '../../caller.js';

/**
 * Errors: `forbidden` unless an operator asks. Without keys everyone on this machine is one, but no page of another site
 * that a browser here shows: neither by its own request, nor under a name that it had resolved to this address.
 */
export function assertMayOperate(request: FastifyRequest, auth: 'none' | 'keys'): void {
  if (auth === 'keys') {
    assertOperator(request);
    return;
  }
  assertLoopbackName(request);
  const site = request.headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw notFromHere();
}

/**
 * Errors: `forbidden` for a request under a name that is no loopback address: a page of another site may have had its own
 * name resolved to this one, and would then read what no key protects.
 */
export function assertLoopbackName(request: FastifyRequest): void {
  if (!isLoopback(request.hostname.replace(/:\d+$/, ''))) throw notFromHere();
}

function notFromHere(): SluiceError {
  return new SluiceError(
    'forbidden',
    'expected a request from this machine to a loopback address; for others set gateway.auth: keys',
  );
}
