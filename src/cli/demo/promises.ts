import type { Config } from '../../config/types.js';
import type { RunReport } from '../../contract/report.js';
import type { PlannerState } from '../../contract/transition.js';
import { keptPromise, statesOver } from '../report/verdict.js';

const STATES_TO_SEE: readonly PlannerState[] = ['idle', 'steady', 'scaleUp', 'burstProtect', 'costOptimize'];

/** What the demo promises and this run did not keep, a sentence each; empty: all of it was kept. */
export function brokenPromises(report: RunReport, config: Config): string[] {
  const broken: string[] = [];
  for (const [name, pool] of Object.entries(report.pools)) {
    if (pool.requests === 0) broken.push(`${name}: no request was made`);
    if (!keptPromise(pool))
      broken.push(
        `${name}: ${((1 - pool.attainment) * 100).toFixed(1)} % of requests missed their SLO, ` +
          `${(pool.violationsAllowed * 100).toFixed(1)} % allowed`,
      );
    const budget = config.pools[name]?.gpuBudget.ceiling ?? 0;
    if (pool.maxGpus > budget) broken.push(`${name}: held ${pool.maxGpus} GPUs, budget ${budget}`);
  }
  const { total } = report;
  const inventory = config.inventory.hosts.flatMap((host) => host.islands.flat()).length;
  if (total.maxGpus > inventory)
    broken.push(`${total.maxGpus} GPUs were leased at once, there are ${inventory}`);
  if (total.lost > 0) broken.push(`${total.lost} requests were lost`);
  if (total.tokens.duplicated > 0) broken.push(`${total.tokens.duplicated} tokens came twice`);
  if (total.tokens.missing > 0) broken.push(`${total.tokens.missing} tokens never came`);
  const seen = statesOver(report);
  const unseen = STATES_TO_SEE.filter((state) => !seen.has(state));
  if (unseen.length > 0) broken.push(`states that no pool visited: ${unseen.join(', ')}`);
  return broken;
}
