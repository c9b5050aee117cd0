import type { PassMetrics } from './types.js';

/**
 * Whether the engines seen are the workers counted: as many workers, each with the same number of data-parallel ranks.
 */
export function enginesMatch(passes: readonly PassMetrics[], workers: number): boolean {
  const ranks = new Map<string, Set<number>>();
  for (const { workerId, rank } of passes) {
    const known = ranks.get(workerId);
    if (known === undefined) ranks.set(workerId, new Set([rank]));
    else known.add(rank);
  }
  const sizes = new Set([...ranks.values()].map((set) => set.size));
  return ranks.size === workers && sizes.size <= 1;
}

/** The last metrics of each engine: a later pass of the same worker and rank replaces the earlier one. */
export function latestByEngine(passes: readonly PassMetrics[]): PassMetrics[] {
  const latest = new Map<string, PassMetrics>();
  for (const pass of passes) latest.set(JSON.stringify([pass.workerId, pass.rank]), pass);
  return [...latest.values()];
}
