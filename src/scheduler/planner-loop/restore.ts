import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { readDesired, readGrant } from '../../gpu/state.js';
import { freshMemory } from '../../planning/memory.js';
import { NONE, type Replicas } from '../../planning/replicas.js';
import type { Keys } from '../../queues/keys.js';
import type { Outbox } from './outbox.js';
import { beginning, type PlannerSnapshot } from './snapshot.js';
import type { PlannerStore } from './store.js';

interface Stores {
  redis: Redis;
  keys: Keys;
  store: PlannerStore;
  outbox: Outbox;
  log: Logger;
}

/**
 * Where a planner goes on: its snapshot, or, without a usable one, the newest order that the GPU ledger or the scale queue
 * knows. Either way its generation is at least that of every order known to the ledger; a ledger ahead of the
 * snapshot holds the later plan, which is then taken over.
 */
export async function restorePlanner(
  pool: string,
  { redis, keys, store, outbox, log }: Stores,
  nowMs: number,
): Promise<{ snapshot: PlannerSnapshot; restored: boolean }> {
  const { snapshot, problem } = await store.load();
  const ledger = await ledgerPlan(redis, keys, pool);
  if (snapshot !== null) {
    if (ledger === null || ledger.generation <= snapshot.memory.generation)
      return { snapshot, restored: true };
    log.warn(
      { pool, ledger, generation: snapshot.memory.generation },
      'the GPU ledger is ahead of the snapshot',
    );
    const { generation, replicas: desired } = ledger;
    const memory = { ...snapshot.memory, generation, desired, order: null, drainFrom: null };
    return { snapshot: { ...snapshot, memory }, restored: true };
  }
  if (problem !== null) {
    const to = await store.setAside();
    log.error(
      { pool, problem, setAside: to },
      `planner snapshot cannot be used (${problem}): set aside in ${to}, starting from the last grant`,
    );
  }
  const [sequence, queued] = await Promise.all([store.lastSequence(), outbox.lastOrder(pool)]);
  const ordered =
    queued !== null && queued.generation > (ledger?.generation ?? 0)
      ? { generation: queued.generation, replicas: { prefill: queued.prefill, decode: queued.decode } }
      : ledger;
  const memory = freshMemory(ordered?.replicas ?? NONE, ordered?.generation ?? 0, nowMs);
  return { snapshot: beginning(pool, memory, sequence, nowMs), restored: false };
}

async function ledgerPlan(
  redis: Redis,
  keys: Keys,
  pool: string,
): Promise<{ generation: number; replicas: Replicas } | null> {
  const [desired, grant] = await Promise.all([readDesired(redis, keys, pool), readGrant(redis, keys, pool)]);
  if (desired !== null && desired.generation >= (grant?.generation ?? 0)) {
    const { generation, prefill, decode } = desired;
    return { generation, replicas: { prefill, decode } };
  }
  return grant === null ? null : { generation: grant.generation, replicas: grant.asked };
}
