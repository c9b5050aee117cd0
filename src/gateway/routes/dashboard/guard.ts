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
  const host = request.hostname.replace(/:\d+$/, '');
  const site = request.headers['sec-fetch-site'];
  const foreign = site !== undefined && site !== 'same-origin' && site !== 'none';
  if (isLoopback(host) && !foreign) return;
  throw new SluiceError(
    'forbidden',
    'expected a request from this machine to a loopback address; for others set gateway.auth: keys',
  );
}
