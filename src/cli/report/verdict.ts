import type { PoolReport, RunReport } from '../../contract/report.js';

/** Whether a pool missed no more of its requests than it may. A sum of rounded shares never decides: hence the slack. */
export function keptPromise(pool: PoolReport): boolean {
  return 1 - pool.attainment <= pool.violationsAllowed + 1e-9;
}

/** States that the pools visited, all together. */
export function statesOver(report: RunReport): Set<string> {
  return new Set(Object.values(report.pools).flatMap((pool) => pool.statesVisited));
}
