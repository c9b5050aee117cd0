import { SluiceError } from '../../contract/errors.js';
import type { Found } from '../../scheduler/pool-router.js';
import type { Caller } from '../caller.js';
import type { GatewayServices } from '../services.js';

/** Shape of every request id; what does not have it is looked up nowhere. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/**
 * A request of the caller's tenant. Errors: `not_found`, the same for one that is another tenant's as for one that never
 * was, so that nobody learns of others' requests.
 */
export async function ownRequest({ client }: GatewayServices, caller: Caller, id: string): Promise<Found> {
  const found = ID.test(id) ? await client.find(id) : undefined;
  const visible = caller.key === null || found?.request.owner?.tenant === caller.tenant;
  if (found !== undefined && visible) return found;
  throw new SluiceError(
    'not_found',
    `id: no request ${JSON.stringify(id.slice(0, 128))}, or it is no longer kept`,
  );
}
