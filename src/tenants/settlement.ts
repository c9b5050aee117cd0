import type { Redis } from 'ioredis';
import type { Outcome, Owner, RequestFacts } from '../contract/request.js';
import type { Keys } from '../queues/keys.js';
import { correctTurn } from './fair-share.js';
import { settle } from './limits.js';

/** What a request really used. */
export interface Used {
  /** Prompt tokens that were read, and output tokens that were made; 0 where it never ran. */
  isl: number;
  osl: number;
  gpuSeconds: number;
  /** It never came to a queue. */
  unsent?: boolean;
}

export const NOTHING: Used = { isl: 0, osl: 0, gpuSeconds: 0 };
export const UNSENT: Used = { ...NOTHING, unsent: true };

/** Who sends over Redis and not through a gateway: one tenant among those that have keys, without limits. */
export const DIRECT: Owner = { tenant: 'direct', key: 'direct' };

/**
 * Settles the account of a request that has ended: its key's limits and budget, and its turn. Whoever ends a request
 * calls it; called again it does nothing to the limits. A request without an owner has no account.
 */
export async function settleEnded(
  redis: Redis,
  keys: Keys,
  request: RequestFacts,
  used: Used,
): Promise<void> {
  const { owner, share, pool, id, isl, maxTokens } = request;
  if (owner === undefined) return;
  const unused = isl + maxTokens - used.isl - used.osl;
  const first =
    owner.key === DIRECT.key ||
    (await settle(redis, keys, owner.key, id, unused, used.gpuSeconds, used.unsent));
  // A turn is its own sender's, also where others hold the place.
  const own = first || used.unsent === true;
  if (own && share !== undefined) await correctTurn(redis, keys, pool, owner, share, used);
}

/** What a request used, by how it ended. */
export function usedBy(outcome: Outcome): Used {
  if (outcome.kind !== 'completed') return NOTHING;
  const { usage, gpuSeconds } = outcome.result;
  return { isl: usage.promptTokens, osl: usage.completionTokens, gpuSeconds: gpuSeconds ?? 0 };
}
