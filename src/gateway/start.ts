import type { RoleContext, StopRole } from '../scheduler/role.js';
import { Gateway } from './gateway.js';

/** The gateway role. @returns stops it, open streams first. Errors: `no_redis`, `invalid_config`, `port_in_use`. */
export async function startGateway(context: RoleContext): Promise<StopRole> {
  const gateway = await Gateway.open(context);
  return () => gateway.close();
}
