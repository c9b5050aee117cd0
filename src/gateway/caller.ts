import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { GatewayConfig } from '../config/types.js';
import type { ApiKey } from '../contract/api-key.js';
import { SluiceError } from '../contract/errors.js';
import { answered } from '../dashboard/answered.js';
import { keyRevoked, unauthorized } from '../tenants/limits.js';
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

/** Paths that guard themselves, since a browser is to ask for the key. */
const BROWSED = /^\/queues([/?]|$)/;

/** Paths that a page asks: it is told of a Redis that hangs, where other clients wait until it is back. */
const PAGED = /^\/dashboard\//;

/** The key that came with a request: as bearer, or as the password of Basic authentication, which browsers ask for. */
function givenKey({ headers }: FastifyRequest): KeyParts | undefined {
  const [, scheme = '', text = ''] = /^(Bearer|Basic) (\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (scheme.toLowerCase() !== 'basic') return readKey(text);
  return readKey(
    Buffer.from(text, 'base64')
      .toString('utf8')
      .replace(/^[^:]*:/, ''),
  );
}

/** Whether the key that came with a request is a working one of an operator; `none` came, or it is another's. */
export async function operatorGiven(
  request: FastifyRequest,
  known: KeyCache,
): Promise<'operator' | 'other' | 'none'> {
  const parts = givenKey(request);
  const key = parts === undefined ? undefined : await known.find(parts);
  if (key === undefined || key.revokedAtMs !== null) return 'none';
  return key.operator ? 'operator' : 'other';
}

/** Puts its caller on each request. Errors: `unauthorized`, where keys are asked for and none that works is given; `no_redis` to a page. */
export function knowCallers(app: FastifyInstance, { auth }: GatewayConfig, known: KeyCache): void {
  if (auth === 'none') return;
  app.addHook('onRequest', async (request) => {
    if (OPEN.test(request.url) || BROWSED.test(request.url)) return;
    const parts = givenKey(request);
    if (parts === undefined) throw unauthorized();
    const found = known.find(parts);
    const key = await (PAGED.test(request.url) ? answered(found) : found);
    if (key === undefined) throw unauthorized();
    if (key.revokedAtMs !== null) throw keyRevoked();
    callers.set(request, { tenant: key.tenant, key: { ...key, parts } });
  });
}
