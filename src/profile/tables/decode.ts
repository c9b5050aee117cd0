import { convexHull, insideHull } from './hull.js';
import { roundHalfEven } from './rounding.js';
import type { DecodeGrid, DecodeTable } from './types.js';

/** A cell of a decode grid. */
export interface DecodeCell {
  itlMs: number;
  /** Output tokens/s and GPU. */
  throughputPerGpu: number;
  /** 0..1 */
  kvUsage: number;
}

/**
 * The cell nearest to a KV usage and a context length, a half to the even cell, clamped to the grid.
 * An infinite value counts as the last cell; NaN has none.
 * @returns null for NaN.
 */
export function nearestCell(grid: DecodeGrid, kvUsage: number, contextLength: number): DecodeCell | null {
  const ix = nearestIndex(grid.kvUsage, kvUsage);
  const iy = nearestIndex(grid.contextLength, contextLength);
  return ix === null || iy === null ? null : cellAt(grid, iy, ix);
}

/** The index nearest to `value` on an axis of even steps. */
export function nearestIndex(axis: readonly number[], value: number): number | null {
  const first = axis[0] ?? 0;
  const step = (axis[1] ?? first + 1) - first;
  const index = roundHalfEven((value - first) / step);
  if (Number.isNaN(index)) return null;
  return Math.min(Math.max(index, 0), axis.length - 1);
}

export function cellAt(grid: DecodeGrid, iy: number, ix: number): DecodeCell {
  return {
    itlMs: grid.itlMs[iy]?.[ix] ?? Number.NaN,
    throughputPerGpu: grid.throughputPerGpu[iy]?.[ix] ?? Number.NaN,
    kvUsage: grid.kvUsage[ix] ?? Number.NaN,
  };
}

/** Whether decode points around (KV usage, context length) were measured: inside the convex hull of the points. */
export function decodeHull(table: DecodeTable): (kvUsage: number, contextLength: number) => boolean {
  const hull = convexHull(
    table.kvUsage.map((usage, i) => [usage, table.contextLength[i] ?? Number.NaN] as const),
  );
  return (kvUsage, contextLength) => insideHull(hull, [kvUsage, contextLength]);
}
