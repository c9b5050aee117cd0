import { cellAt, type DecodeCell, nearestCell, nearestIndex } from '../../profile/tables/decode.js';
import type { DecodeGrid } from '../../profile/tables/types.js';

/**
 * The decode cell at a concurrency: KV usage = concurrency x context length / max KV tokens (DecodeInterpolator's
 * compute_idx). Null where Python would raise: a NaN among the arguments.
 */
export function decodePoint(grid: DecodeGrid, concurrency: number, contextLength: number): DecodeCell | null {
  return nearestCell(grid, (concurrency * contextLength) / grid.maxKvTokens, contextLength);
}

/**
 * find_best_throughput_per_gpu: the highest KV usage whose ITL is within the target. Known faults, kept: it takes the
 * fullest KV cache although a less full one may yield more tokens (so a looser target can order more GPUs), and where
 * no cell meets the target it answers with the emptiest without a word. Null for a NaN context length.
 */
export function bestDecodePoint(grid: DecodeGrid, itlMs: number, contextLength: number): DecodeCell | null {
  const iy = nearestIndex(grid.contextLength, contextLength);
  if (iy === null) return null;
  for (let ix = grid.kvUsage.length - 1; ix >= 0; ix--) {
    const cell = cellAt(grid, iy, ix);
    if (cell.itlMs <= itlMs) return cell;
  }
  return cellAt(grid, iy, 0);
}
