import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApiKey } from '../contract/api-key.js';
import type { GatewayConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { unauthorized } from '../tenants/limits.js';
import { type KeyParts, readKey } from '../tenants/secret.js';
import type { KeyCache } from './key-cache.js';

/** Who sent a request. */
export interface Caller {
  tenant: string;
  /** null: the gateway asks for no keys, and everyone is one tenant. */
  key: (ApiKey & { parts: KeyParts }) | null;
}

const EVERYONE: Caller = { tenant: 'local', key: null };

const callers = new WeakMap<FastifyRequest, Caller>();

/** Who sent this request. */
export function callerOf(request: FastifyRequest): Caller {
  return callers.get(request) ?? EVERYONE;
}

/** Errors: `forbidden`, where keys are asked for and this caller's is no operator's. */
export function assertOperator(request: FastifyRequest): void {
  const { key } = callerOf(request);
  if (key === null || key.operator) return;
  const make = '`sluice keys create --operator`';
  throw new SluiceError(
    'forbidden',
    `expected the key of an operator (${make}), got one of tenant ${key.tenant}`,
  );
}

/** Paths that need no key. */
const OPEN = /^\/((health\/(live|ready)|openapi\.json|assets\/[\w.-]+)?(\?|$))/;

/** Puts its caller on each request. Errors: `unauthorized`, where keys are asked for and none that works is given. */
export function knowCallers(app: FastifyInstance, { auth }: GatewayConfig, known: KeyCache): void {
  if (auth === 'none') return;
  app.addHook('onRequest', async (request) => {
    if (OPEN.test(request.url)) return;
    const parts = readKey(/^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '');
    const key = parts === undefined ? undefined : await known.find(parts);
    if (parts === undefined || key === undefined) throw unauthorized();
    if (key.revokedAtMs !== null)
      throw new SluiceError('unauthorized', 'this API key was revoked; ask for a new one');
    callers.set(request, { tenant: key.tenant, key: { ...key, parts } });
  });
}
