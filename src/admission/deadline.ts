/**
 * Earliest-deadline-first as BullMQ priority.
 *
 * A priority has 21 bits; lower runs first, and 0 means "before all others", so 1 .. 2^21 - 1 are ours. The upper bit
 * is the standing: a request expected to make its target runs before every request that is not. The lower
 * 20 bits are ticks of `resolutionMs` from the pool's epoch to the deadline: at 20 ms they span 5.8 hours. Deadlines
 * before the epoch take the first tick, deadlines beyond the span the last one. Before half the span has passed
 * the queue is rebased (queues/rebase.ts): a new epoch is set and each waiting request gets its tick anew.
 * Requests with the same tick run in order of arrival.
 */
export const TICKS = 2 ** 20;

/** `onTime`: may still make its target. `late`: predicted to miss it; stands behind those that can make theirs. */
export type Standing = 'onTime' | 'late';

export interface DeadlineScale {
  /** Unix ms of tick zero. */
  epochMs: number;
  /** Length of a tick, ms. */
  resolutionMs: number;
}

/** BullMQ priority of a deadline, 1 .. 2^21 - 1. Never rises when the deadline falls. */
export function priorityOf(deadlineMs: number, scale: DeadlineScale, standing: Standing = 'onTime'): number {
  const tick = Math.floor((deadlineMs - scale.epochMs) / scale.resolutionMs);
  const clamped = Math.min(Math.max(tick, 1), TICKS - 1);
  return standing === 'onTime' ? clamped : TICKS + clamped;
}

/** Of a request that stood aside for so long that it goes before all others; no deadline maps to it but one long past. */
export const STARVED_PRIORITY = 1;

/** Priority of the same deadline with the other standing. */
export function asidePriority(priority: number): number {
  return standingOf(priority) === 'late' ? priority : TICKS + priority;
}

/** Reads the standing back from a priority. */
export function standingOf(priority: number): Standing {
  return priority >= TICKS ? 'late' : 'onTime';
}

/**
 * Whether the epoch is so old that deadlines of the longest usual wait would soon be clamped, or lies ahead: an order
 * that a busy day took ahead of the clock (admission/fairness.ts) comes back to it when the queue is empty.
 */
export function needsRebase(scale: DeadlineScale, nowMs: number): boolean {
  const age = nowMs - scale.epochMs;
  return age < 0 || age > (TICKS * scale.resolutionMs) / 2;
}

/**
 * A fresh epoch: an eighth of the span back, so that requests already overdue keep their order. Epochs are whole ticks
 * apart, so that two deadlines of one tick share one under every epoch.
 */
export function freshEpoch(resolutionMs: number, nowMs: number): number {
  return Math.floor(nowMs / resolutionMs - TICKS / 8) * resolutionMs;
}
