import type { WorkerFailure } from '../../contract/lease.js';

/** A worker that was ready for so long did not crash at start: the count of crashes in a row begins anew. */
export const STABLE_SECONDS = 30;

const MOST_DOUBLINGS = 5;

export interface Crash {
  pool: string;
  role: WorkerFailure['role'];
  workerId: string;
  reason: string;
  logTail: string[];
  /** When the worker was started, ms. */
  startedMs: number;
  /** How long the worker had been ready, seconds; 0: it never was. */
  readySeconds: number;
}

/**
 * Books a crash. The n-th crash in a row delays the next start by backoff x 2^(n-1), at most backoff x 32; more than
 * `maxRestarts` in a row and the workers of this pool and role are given up. In a row are crashes of workers that were
 * started after the last one that counted: several that run side by side and die of one cause count once.
 */
export function afterCrash(
  before: WorkerFailure | null,
  crash: Crash,
  policy: { maxRestarts: number; restartBackoffSeconds: number },
  nowMs: number,
): WorkerFailure {
  const { readySeconds, startedMs, ...about } = crash;
  const beside = before !== null && startedMs < (before.countedAtMs ?? before.atMs);
  const count = readySeconds >= STABLE_SECONDS ? 1 : (before?.count ?? 0) + (beside ? 0 : 1);
  const delayMs = policy.restartBackoffSeconds * 1000 * 2 ** Math.min(count - 1, MOST_DOUBLINGS);
  const gaveUp = count > policy.maxRestarts;
  const countedAtMs = beside ? (before.countedAtMs ?? before.atMs) : nowMs;
  return { ...about, count, gaveUp, atMs: nowMs, countedAtMs, retryAtMs: nowMs + delayMs };
}

/** What a pool and role may do about missing workers: start them, wait for the back-off, or nothing any more. */
export function restartVerdict(failure: WorkerFailure | null, nowMs: number): 'start' | 'wait' | 'gave-up' {
  if (!failure) return 'start';
  if (failure.gaveUp) return 'gave-up';
  return nowMs < failure.retryAtMs ? 'wait' : 'start';
}
