import type { Redis } from 'ioredis';
import { z } from 'zod';
import { BORROWED_REQUESTS, KEPT_REQUESTS, tokenCost } from '../admission/fairness.js';
import { LATELY_MS } from '../admission/reserve.js';
import type { PoolConfig } from '../config/types.js';
import type { Owner, RoutedRequest, Share } from '../contract/request.js';
import type { Keys } from '../queues/keys.js';
import { luaScript } from '../queues/script.js';

const shareScript = luaScript(new URL('./lua/share.lua', import.meta.url));
const begunScript = luaScript(new URL('./lua/begun.lua', import.meta.url));
const backScript = luaScript(new URL('./lua/share-back.lua', import.meta.url));
const replySchema = z.tuple([
  z.coerce.number(),
  z.number(),
  z.number(),
  z.coerce.number(),
  z.number(),
  z.number(),
  z.number(),
  z.coerce.number(),
]);

/** A request whose turn is to be found. */
export type SharedRequest = Pick<RoutedRequest, 'isl' | 'maxTokens' | 'acceptedAtMs'> & { owner: Owner };

/**
 * Finds a request's turn in its pool's fair order, atomically over all gateways, and charges it.
 * @param resolutionMs of the deadline order
 * @param charge false: nothing is charged, since it may yet be refused; charged it is by taking the turn again. What is refused
 * would else keep its tenant's debts, and with them the order, from being what was really sent.
 */
export async function takeTurn(
  redis: Redis,
  keys: Keys,
  pool: PoolConfig,
  request: SharedRequest,
  resolutionMs: number,
  charge = true,
): Promise<Share> {
  const { owner, isl, maxTokens, acceptedAtMs } = request;
  const cost = tokenCost(isl, Math.min(maxTokens, pool.expected.osl));
  const targetMs = pool.targets.ttftSeconds * 1000;
  const queues = [keys.decodeQueue(pool.name), keys.prefillQueue(pool.name)];
  const jobs = ['prioritized', 'active'].flatMap((type) =>
    queues.map((queue) => `${keys.poolPrefix(pool.name)}:${queue}:${type}`),
  );
  const reply = await shareScript(
    redis,
    [...shareKeys(keys, pool.name, owner), ...jobs],
    [
      owner.tenant,
      owner.key,
      cost,
      acceptedAtMs,
      resolutionMs,
      targetMs * BORROWED_REQUESTS,
      msPerToken(pool),
      targetMs * KEPT_REQUESTS,
      LATELY_MS,
      charge ? 1 : 0,
    ],
  );
  const [startMs, era, sharers, perToken, excess, waits, others, virtualMs] = replySchema.parse(reply);
  return {
    startMs,
    virtualMs,
    era,
    tenantMs: cost * perToken,
    keyMs: cost * perToken * sharers,
    cost,
    excess: excess === 1,
    contended: waits === 1 && others === 1,
    others: others === 1,
  };
}

/** Where a pool's order is while work waits, Unix ms; null: no turn was taken there. */
export async function frontierMs(redis: Redis, keys: Keys, pool: PoolConfig): Promise<number | null> {
  const [virtual = null, shift = null, begun = null] = await redis.hmget(
    keys.fair(pool.name),
    '#v',
    '#shift',
    '#begun',
  );
  if (virtual === null) return null;
  const ahead = pool.targets.ttftSeconds * 1000 * BORROWED_REQUESTS;
  return Math.max(Number(virtual), Number(begun ?? 0) - ahead) + Number(shift ?? 0);
}

/** Notes that a request began: virtual time follows. */
export async function noteBegun(
  redis: Redis,
  keys: Keys,
  pool: string,
  { virtualMs, era }: Share,
): Promise<void> {
  if (virtualMs !== undefined) await begunScript(redis, [keys.fair(pool)], [virtualMs, era]);
}

/** Corrects the charge by what the request really cost: `isl` and `osl` tokens, none if it never began. */
export async function correctTurn(
  redis: Redis,
  keys: Keys,
  pool: string,
  owner: Owner,
  { era, cost, tenantMs, keyMs }: Share,
  used: { isl: number; osl: number },
): Promise<void> {
  const over = 1 - tokenCost(used.isl, used.osl) / cost;
  if (over === 0) return;
  const args = [owner.tenant, owner.key, era, (tenantMs * over).toFixed(3), (keyMs * over).toFixed(3)];
  await backScript(redis, shareKeys(keys, pool, owner), args);
}

function shareKeys(keys: Keys, pool: string, { tenant }: Owner): string[] {
  return [keys.fair(pool), keys.fair(pool, tenant)];
}

/**
 * Ms of the pool's order for one token of cost: the pool as it is planned for serves about one request of the expected
 * lengths in a TTFT target. Shares do not depend on it; it only weighs a share against a deadline.
 */
function msPerToken(pool: PoolConfig): number {
  return (pool.targets.ttftSeconds * 1000) / tokenCost(pool.expected.isl, pool.expected.osl);
}
