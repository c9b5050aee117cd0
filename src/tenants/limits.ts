import type { Redis } from 'ioredis';
import { type ApiKey, apiKeySchema } from '../contract/api-key.js';
import { SluiceError } from '../contract/errors.js';
import { parseJson } from '../contract/reply.js';
import type { Keys } from '../queues/keys.js';
import { luaScript } from '../queues/script.js';
import type { KeyParts } from './secret.js';

const takeScript = luaScript(new URL('./lua/take.lua', import.meta.url));
const settleScript = luaScript(new URL('./lua/settle.lua', import.meta.url));

/** `stale`: requests that hold the key's places longest, to be looked at before the refusal stands. */
export type Taken = { kind: 'taken'; key: ApiKey } | { kind: 'refused'; error: SluiceError; stale: string[] };

/**
 * Checks a key and takes one request of `tokens` tokens from its limits, in one atomic step over all gateways.
 * A refusal is `unauthorized`, `rate_limited` or `budget_spent`, with the wait where it is known. A request that is open
 * already takes nothing more; each that took it is to settle it, or to send it.
 */
export async function take(
  redis: Redis,
  keys: Keys,
  { id, hash }: KeyParts,
  requestId: string,
  tokens: number,
): Promise<Taken> {
  const reply = await takeScript(redis, limitKeys(keys, id), [id, hash, requestId, tokens]);
  const [kind = '', ...rest] = Array.isArray(reply) ? reply.map(String) : [];
  if (kind === 'ok') return { kind: 'taken', key: apiKeySchema.parse(parseJson(rest[0] ?? '')) };
  return {
    kind: 'refused',
    error: refusal(kind, rest, tokens),
    stale: kind === 'concurrent' ? rest.slice(1) : [],
  };
}

/**
 * Gives back what a request held of its key's limits, and charges what it used; the second time does nothing.
 * @param unusedTokens tokens taken and not used; @param gpuSeconds used; @param unsent it counts as no request either, and
 * stays open while others that took it may send it. @returns whether this call ended it
 */
export async function settle(
  redis: Redis,
  keys: Keys,
  keyId: string,
  requestId: string,
  unusedTokens: number,
  gpuSeconds: number,
  unsent = false,
): Promise<boolean> {
  const args = [keyId, requestId, unusedTokens, gpuSeconds.toFixed(6), unsent ? 1 : 0];
  return (await settleScript(redis, limitKeys(keys, keyId), args)) === 1;
}

function limitKeys(keys: Keys, id: string): string[] {
  return [
    keys.tenants('keys'),
    keys.tenants('open', id),
    keys.tenants('rates', id),
    keys.tenants('spent', id),
    keys.tenants('senders', id),
  ];
}

function refusal(kind: string, rest: string[], tokens: number): SluiceError {
  switch (kind) {
    case 'unauthorized':
      return unauthorized();
    case 'revoked':
      return keyRevoked();
    case 'budget': {
      const [used = '', limit = '', leftMs = ''] = rest;
      const spent = `the key's budget of ${limit} GPU-seconds is spent (${Number(used).toFixed(1)} used)`;
      return new SluiceError('budget_spent', spent, retryIn(leftMs));
    }
    case 'concurrent':
      return new SluiceError(
        'rate_limited',
        `the key has its ${rest[0]} requests at once already; wait for one to end`,
        {
          retryAfterSeconds: 1,
        },
      );
    case 'requests':
      return new SluiceError(
        'rate_limited',
        `the key's limit is ${rest[0]} requests a minute`,
        retryIn(rest[1]),
      );
    case 'tokens': {
      const limit = `the key's limit is ${rest[0]} tokens a minute`;
      const asked = `prompt and max_tokens of this request come to ${tokens}`;
      const wait = retryIn(rest[1]);
      const never = wait.retryAfterSeconds === undefined ? ', which no wait makes fit: ask for fewer' : '';
      return new SluiceError('rate_limited', `${limit}; ${asked}${never}`, wait);
    }
    default:
      return new SluiceError('internal', `take.lua: unexpected reply ${kind}`);
  }
}

export function unauthorized(): SluiceError {
  return new SluiceError(
    'unauthorized',
    'expected an API key as "authorization: Bearer KEY", got none that is valid',
  );
}

export function keyRevoked(): SluiceError {
  return new SluiceError('unauthorized', 'this API key was revoked; ask for a new one');
}

/** A wait in ms; -1: there is none that helps. */
function retryIn(ms: string | undefined): { retryAfterSeconds?: number } {
  const wait = Number(ms);
  return wait >= 0 ? { retryAfterSeconds: wait / 1000 } : {};
}
