import type { Redis } from 'ioredis';
import { type ApiKey, apiKeySchema } from '../contract/api-key.js';
import { SluiceError } from '../contract/errors.js';
import { parseJson } from '../contract/reply.js';
import type { Keys } from '../queues/keys.js';
import { newKey } from './secret.js';

export type KeyFields = Omit<ApiKey, 'id' | 'hash' | 'createdAtMs' | 'revokedAtMs'>;

/** What a key has in use. */
export interface KeyUse {
  /** Requests waiting or running. */
  open: number;
  /** GPU-seconds charged in the running period of its budget. */
  gpuSeconds: number;
}

/** Makes a key. @returns its text, which is kept nowhere. */
export async function createKey(
  redis: Redis,
  keys: Keys,
  fields: KeyFields,
  nowMs: number,
): Promise<{ text: string; key: ApiKey }> {
  const { id, hash, text } = newKey();
  const key: ApiKey = { ...fields, id, hash, createdAtMs: nowMs, revokedAtMs: null };
  await redis.hset(keys.tenants('keys'), id, JSON.stringify(apiKeySchema.parse(key)));
  return { text, key };
}

/** All keys ever made, in order of tenant and age. */
export async function listKeys(redis: Redis, keys: Keys): Promise<ApiKey[]> {
  const stored = await redis.hvals(keys.tenants('keys'));
  const parsed = stored.flatMap((text) => apiKeySchema.safeParse(parseJson(text)).data ?? []);
  return parsed.sort((a, b) => compare(a.tenant, b.tenant) || a.createdAtMs - b.createdAtMs);
}

/** undefined: no such key. */
export async function findKey(redis: Redis, keys: Keys, id: string): Promise<ApiKey | undefined> {
  const text = await redis.hget(keys.tenants('keys'), id);
  return text === null ? undefined : apiKeySchema.safeParse(parseJson(text)).data;
}

/** Ends a key at once, everywhere; requests that it has in hand are cancelled. Errors: `not_found`. */
export async function revokeKey(redis: Redis, keys: Keys, id: string, nowMs: number): Promise<ApiKey> {
  const key = await findKey(redis, keys, id);
  if (key === undefined) {
    throw new SluiceError(
      'not_found',
      `expected the id of a key (\`sluice keys list\`), got ${JSON.stringify(id)}`,
    );
  }
  const revoked = { ...key, revokedAtMs: key.revokedAtMs ?? nowMs };
  await redis.hset(keys.tenants('keys'), id, JSON.stringify(revoked));
  await redis.publish(keys.revocations(), JSON.stringify({ key: id }));
  return revoked;
}

export async function keyUse(
  redis: Redis,
  keys: Keys,
  { id, budget }: ApiKey,
  nowMs: number,
): Promise<KeyUse> {
  const [open, [period, used]] = await Promise.all([
    redis.zcard(keys.tenants('open', id)),
    redis.hmget(keys.tenants('spent', id), 'period', 'used'),
  ]);
  const length = budget?.periodSeconds ?? null;
  const current = length === null ? 0 : Math.floor(nowMs / 1000 / length);
  return { open, gpuSeconds: Number(period) === current ? Number(used) : 0 };
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
