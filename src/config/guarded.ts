import { SluiceError } from '../contract/errors.js';
import { isLoopback } from './loopback.js';
import type { GatewayConfig } from './types.js';

/**
 * Not part of reading a file: `sluice gateway --auth keys` may still close what the file leaves open.
 * Errors: `invalid_config` when a gateway without keys would be open to other machines.
 */
export function assertGuarded({ host, auth }: GatewayConfig): void {
  if (auth === 'keys' || isLoopback(host)) return;
  throw new SluiceError(
    'invalid_config',
    `gateway.host: expected a loopback address while gateway.auth is none, got ${host}; set gateway.auth: keys, and make keys with \`sluice keys create\``,
  );
}
