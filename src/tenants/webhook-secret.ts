import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Keys } from '../queues/keys.js';

/**
 * The secret that a tenant's webhooks are signed with, made when it is first needed: `whsec_` and base64. It is kept as
 * it is, since signing needs it.
 */
export async function webhookSecret(redis: Redis, keys: Keys, tenant: string): Promise<string> {
  const key = keys.tenants('webhook-secrets');
  await redis.hsetnx(key, tenant, `whsec_${randomBytes(32).toString('base64')}`);
  return (await redis.hget(key, tenant)) ?? '';
}

/** A new secret in place of the last; webhooks that are sent from now on are signed with it. */
export async function renewWebhookSecret(redis: Redis, keys: Keys, tenant: string): Promise<string> {
  await redis.hdel(keys.tenants('webhook-secrets'), tenant);
  return webhookSecret(redis, keys, tenant);
}
