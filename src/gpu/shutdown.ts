import { within } from '../queues/within.js';
import type { AllocatorContext } from './context.js';
import { FencedError, releaseLease } from './ledger.js';
import { readLeases } from './state.js';

const LOOK_EVERY_MS = 100;
/** Redis that does not answer for so long is gone. */
const ANSWER_MS = 2000;
/** For Redis to answer, and beyond the drain deadline for workers that had to be killed. */
const PATIENCE_MS = 8000;

/**
 * Ends all workers: drained, killed at the drain deadline, and every lease given back. `pass` runs one pass that
 * stops all and returns the leases left; it is not used when Redis does not answer (its owner may be gone as well):
 * then only the processes can be ended.
 */
export async function stopAllWorkers(
  context: AllocatorContext,
  reachable: boolean,
  pass: () => Promise<number>,
): Promise<void> {
  const { actuator, redis, keys, config } = context;
  const alive = () => actuator.known().filter((workerId) => actuator.alive(workerId));
  /** Leases left after one pass; null: Redis went away in it (the supervisor that ran it died too), so that it hangs. */
  const leasesLeft = async (): Promise<number | null> => {
    const running = pass();
    const ended = running.then(
      () => {},
      () => {},
    );
    while (!(await within(ended, ANSWER_MS))) if (!(await within(redis.ping(), ANSWER_MS))) return null;
    return running;
  };
  const drained = async () => {
    if (!reachable) await Promise.all(alive().map((workerId) => actuator.stop(workerId, { drain: true })));
    try {
      for (;;) {
        const left = reachable ? await leasesLeft() : null;
        if ((left ?? 0) === 0 && alive().length === 0) return;
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
    } catch (error) {
      // The workers are the successor's now.
      if (!(error instanceof FencedError)) throw error;
    }
  };
  if (await within(drained(), config.worker.drainSeconds * 1000 + PATIENCE_MS)) return;
  await Promise.all(alive().map((workerId) => actuator.stop(workerId, { drain: false })));
  const giveBack = async () => {
    for (const lease of await readLeases(redis, keys)) await releaseLease(redis, keys, lease.leaseId);
  };
  if (reachable) await within(giveBack(), PATIENCE_MS);
}
