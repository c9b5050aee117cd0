import { decodePoint } from './decode-point.js';
import type { ClassicProfile, Corrections } from './replicas.js';

/** What the classic planner observed over one interval: means. */
export interface ClassicMetrics {
  ttftMs: number;
  itlMs: number;
  requests: number;
  isl: number;
  osl: number;
  requestSeconds: number;
}

/**
 * Observed over expected: prefill = TTFT / profile TTFT at the mean ISL; decode = ITL / profile ITL at the
 * concurrency requests / workers x request duration / interval. Without decode workers the decode correction stays
 * as it was. Known fault, kept: neither is bounded or smoothed.
 */
export function updateCorrections(
  before: Corrections,
  profile: ClassicProfile,
  metrics: ClassicMetrics,
  decodeWorkers: number,
  intervalSeconds: number,
): Corrections {
  const prefill = metrics.ttftMs / profile.prefill.ttftMs(metrics.isl);
  if (decodeWorkers === 0) return { prefill, decode: before.decode };
  const concurrency = ((metrics.requests / decodeWorkers) * metrics.requestSeconds) / intervalSeconds;
  const expected = decodePoint(profile.grid, concurrency, metrics.isl + metrics.osl / 2);
  return { prefill, decode: expected === null ? before.decode : metrics.itlMs / expected.itlMs };
}

/** Whether an interval may be planned from at all: Dynamo skips one whose means are NaN (no request ended in it). */
export function isPlannable(metrics: ClassicMetrics): boolean {
  return [metrics.ttftMs, metrics.itlMs, metrics.isl, metrics.osl].every((value) => !Number.isNaN(value));
}
