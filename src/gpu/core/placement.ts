import type { Gpu } from './inventory.js';

/**
 * Chooses `tp` GPUs of one island out of the free ones, or null when no island has that many.
 * Best fit: the island with the fewest free GPUs that still fits, so that whole islands stay whole for workers
 * that need them; among equals the first, and within an island the first free ones, so the same input gives the
 * same choice.
 */
export function place(free: readonly Gpu[], tp: number): Gpu[] | null {
  const islands = new Map<string, Gpu[]>();
  for (const gpu of free) {
    const island = islands.get(gpu.island);
    if (island) island.push(gpu);
    else islands.set(gpu.island, [gpu]);
  }
  let best: Gpu[] | null = null;
  for (const island of islands.values()) {
    if (island.length >= tp && (best === null || island.length < best.length)) best = island;
  }
  return best?.slice(0, tp) ?? null;
}
