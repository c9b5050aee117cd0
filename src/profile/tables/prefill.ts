import { type Curve, cubicSpline } from './spline.js';
import type { PrefillTable } from './types.js';

/** TTFT and throughput of a lone prompt between the measured ISLs. */
export interface PrefillInterpolation {
  /** Milliseconds. */
  ttftMs(isl: number): number;
  /** Prompt tokens/s and GPU. */
  throughputPerGpu(isl: number): number;
  /** As `throughputPerGpu`, of the column as it was recorded. */
  recordedThroughputPerGpu(isl: number): number;
  /** Whether the ISL was measured around; outside, the nearest measured end answers. */
  inHull(isl: number): boolean;
}

/**
 * Cubic splines through a prefill table, clamped to its range. NaN counts as the smallest ISL, as Python's
 * max(low, min(NaN, high)) does.
 */
export function interpolatePrefill(table: PrefillTable): PrefillInterpolation {
  const low = table.isl[0] ?? Number.NaN;
  const high = table.isl[table.isl.length - 1] ?? Number.NaN;
  const clamped =
    (curve: Curve): Curve =>
    (isl) =>
      curve(isl > low ? Math.min(isl, high) : low);
  return {
    ttftMs: clamped(cubicSpline(table.isl, table.ttftMs)),
    throughputPerGpu: clamped(cubicSpline(table.isl, table.throughputPerGpu)),
    recordedThroughputPerGpu: clamped(cubicSpline(table.isl, table.recordedThroughputPerGpu)),
    inHull: (isl) => isl >= low && isl <= high,
  };
}
