import { SluiceError } from '../contract/errors.js';
import { openIds } from '../queues/former-pools.js';
import type { PoolRouter } from './pool-router.js';

const LIMIT_MS = 15_000;
const AGAIN_MS = 100;
/** Requests of a pool that are read in one go. */
const AT_ONCE = 500;

export type Cancelled = 'cancelled' | 'ended' | 'not_found';

/**
 * Cancels a queued or running request. `ended`: it had ended otherwise. Errors: `internal` where it does not end.
 * @param find the pool that has it, asked anew each time: it may be on its way to another
 */
export async function cancelRequest(
  id: string,
  find: () => Promise<PoolRouter | undefined>,
): Promise<Cancelled> {
  for (const giveUpAt = Date.now() + LIMIT_MS; Date.now() < giveUpAt; ) {
    const router = await find();
    if (router === undefined) return 'not_found';
    const step = await router.cancel(id);
    if (step !== 'asked') return step;
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
  throw new SluiceError('internal', `request ${id} was told to stop but has not in ${LIMIT_MS / 1000} s`);
}

/**
 * Cancels every open request of a pool. Returns how many.
 * Errors: the last one of a request that a worker still holds, once the others are cancelled.
 */
export async function cancelAll(router: PoolRouter): Promise<number> {
  let cancelled = 0;
  let stuck: unknown;
  for (let before = -1; before < cancelled; ) {
    before = cancelled;
    for (const id of await openIds(router.queues, AT_ONCE)) {
      const end = await cancelRequest(id, async () => router).catch((error: unknown) => {
        stuck = error;
      });
      if (end === 'cancelled') cancelled++;
    }
  }
  if (stuck !== undefined) throw stuck;
  return cancelled;
}
