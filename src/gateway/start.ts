import type { RoleContext, RoleEnd } from '../scheduler/role.js';
import { Gateway } from './gateway.js';

/** The gateway role: stopped, it finishes its streams, or cuts them where it must hurry. Errors: those of `Gateway.open`. */
export async function startGateway(context: RoleContext): Promise<RoleEnd> {
  const gateway = await Gateway.open(context);
  return { stop: () => gateway.close(), hurry: () => gateway.hurry() };
}
