import { setTimeout as sleep } from 'node:timers/promises';
import { exponential, seededRandom } from '../../src/simulator/workload/random.js';

/**
 * Calls `send` at exponential distances, `rate` a second on average, whatever becomes of what was sent before; it is told
 * when that was due, of `performance.now()`. Resolves after `seconds`, or once `stopped` says so.
 */
export async function openLoop(
  { rate, seconds, seed }: { rate: number; seconds: number; seed: number },
  send: (dueMs: number) => void,
  stopped: () => boolean = () => false,
): Promise<void> {
  const random = seededRandom(seed);
  const from = performance.now();
  const end = from + seconds * 1000;
  let due = from + exponential(random, 1000 / rate);
  while (due < end && !stopped()) {
    const now = performance.now();
    for (; due <= now && due < end; due += exponential(random, 1000 / rate)) send(due);
    // No earlier than the next is due: waking each millisecond would take from what is measured.
    await sleep(Math.max(1, Math.ceil(Math.min(due, end) - performance.now())));
  }
}
