import { setTimeout as sleep } from 'node:timers/promises';
import type { CancelSignal } from '../cancellation.js';

/** Waits; rejects with the signal's reason as soon as it aborts. */
export async function pause(ms: number, signal: CancelSignal): Promise<void> {
  const woken = new AbortController();
  const onAbort = () => woken.abort();
  signal.addEventListener('abort', onAbort, { once: true });
  await sleep(ms, undefined, { signal: woken.signal }).catch(() => {});
  signal.removeEventListener('abort', onAbort);
  if (signal.aborted) throw signal.reason;
}
