import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Keys } from '../queues/keys.js';
import { luaScript } from '../queues/script.js';

const redeemScript = luaScript(new URL('./lua/promise-redeem.lua', import.meta.url));
const makeScript = luaScript(new URL('./lua/promise-make.lua', import.meta.url));
const redeemedSchema = z.tuple([z.number(), z.number(), z.number(), z.number(), z.number()]);

/** A client may come so much before its time (its clock starts when the refusal left), and so much after it. */
const EARLY_MS = 250;
const GRACE_MS = 2_000;
/** Promises reach so far into the future. */
const LONGEST_SECONDS = 600;
/** Promises about one moment are spread over so long at least, and so many requests. */
const WINDOW_MS = 500;
const WINDOW_REQUESTS = 4;
/** Of what the pool can take, so that chance does not break promises. */
const LOAD = 0.75;

/** Whose promises: a pool's, of a tenant, for one request, by a digest of what it asks for. */
export interface Promised {
  pool: string;
  tenant: string;
  digest: string;
}

export interface Redeemed {
  /** The request comes back at the time that it was told. */
  promised: boolean;
  /** Promises of its tenant that are due soon, weighed by the share of clients that come back. */
  dueSoon: number;
  /** Promises that stand before one more of its tenant, weighed likewise: all, or of each tenant as many as it has itself. */
  outstanding: number;
  /** 0..1 of clients that come back. */
  share: number;
}

/**
 * Times that refused clients were told to come back at. What was promised is kept from those who come meanwhile, so that a
 * client that obeys is taken; who comes on a promise is known by tenant and content. Shared by all gateways, atomic.
 * @param aheadMs how far ahead promises are "due soon"
 */
export async function redeem(
  redis: Redis,
  keys: Keys,
  promised: Promised,
  nowMs: number,
  aheadMs: number,
): Promise<Redeemed> {
  const { all, tenant, request, fair, tenants, kept: counts } = promiseKeys(keys, promised);
  const reply = await redeemScript(
    redis,
    [all, tenant, request, fair, tenants, counts],
    [nowMs, EARLY_MS, GRACE_MS, Math.round(aheadMs)],
  );
  const [kept, due, before, cameBack, stayedAway] = redeemedSchema.parse(reply);
  // One who came back is assumed before anything is known.
  const share = (cameBack + 8) / (cameBack + stayedAway + 8);
  return { promised: kept === 1, dueSoon: due * share, outstanding: before * share, share };
}

/**
 * Promises a refused request that it will be taken. Tenants share the time: who has less promised about a moment than its
 * part is not put behind what others have beyond theirs, so a flood of refusals delays nobody else.
 * @param earliestSeconds from now @param perSecond requests that the pool takes a second; @returns whole seconds from now
 */
export async function promise(
  redis: Redis,
  keys: Keys,
  promised: Promised,
  nowMs: number,
  earliestSeconds: number,
  perSecond: number,
): Promise<number> {
  const windowMs = Math.max(WINDOW_MS, (WINDOW_REQUESTS / Math.max(perSecond, 1e-3)) * 1000);
  const most = Math.max(1, Math.floor((perSecond * windowMs * LOAD) / 1000));
  const { all, tenant, request, fair, tenants } = promiseKeys(keys, promised);
  const reply = await makeScript(
    redis,
    [all, tenant, request, fair, tenants],
    [
      nowMs,
      `${promised.digest}:${randomBytes(6).toString('hex')}`,
      Math.min(LONGEST_SECONDS, earliestSeconds).toFixed(3),
      Math.round(windowMs / 2),
      most,
      LONGEST_SECONDS,
      promised.tenant,
      GRACE_MS,
    ],
  );
  return z.number().parse(reply);
}

/** Promises of a pool that are open, for who only wants to know whether there are any. */
export function promisesOf(redis: Redis, keys: Keys, pool: string): Promise<number> {
  return redis.zcard(keys.tenants('promises', pool));
}

function promiseKeys(keys: Keys, { pool, tenant, digest }: Promised) {
  return {
    all: keys.tenants('promises', pool),
    tenant: keys.tenants('promises', pool, 'tenant', tenant),
    request: keys.tenants('promises', pool, 'request', tenant, digest),
    fair: keys.tenants('promises', pool, 'fair'),
    tenants: keys.tenants('promises', pool, 'tenants'),
    kept: keys.tenants('promises', pool, 'kept'),
  };
}
