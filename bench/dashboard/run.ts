import { cpus, loadavg } from 'node:os';
import { defaultConfig } from '../../src/config/load.js';
import { type CostOptions, feedCost } from './cost.js';
import { inspectionCost } from './inspection.js';
import { liveFigures, type Stored } from './live.js';
import { type DashboardReport, reachOf } from './report.js';

export interface DashboardBenchOptions extends CostOptions {
  /** How long the demo is looked at. */
  liveSeconds: number;
}

/** What the dashboard costs the gateway, the network, a browser and Redis. Errors: those of setting it up. */
export async function dashboardBench(options: DashboardBenchOptions): Promise<DashboardReport> {
  const { rate, pages, liveSeconds, note } = options;
  const inspection = await inspectionCost(note);
  const cost = await feedCost(options);
  const live = await liveFigures(liveSeconds, pages, note);
  const measured = {
    ...{ cpus: cpus().length, load: loadavg()[0] ?? Number.NaN, node: process.version },
    ...{ rate, cost, live, inspection },
    historyBytes: most(live.history),
  };
  return { ...measured, reach: reachOf(measured) };
}

/** All streams as full as the configuration lets them be, at the mean size of an entry. */
function most({ transitions, decisions, samples }: Record<'transitions' | 'decisions' | 'samples', Stored>) {
  const { planner, pools, dashboard } = defaultConfig();
  const number = Object.keys(pools).length;
  const kinds: [Stored, number][] = [
    [transitions, number * planner.transitionsKept],
    [decisions, number * planner.decisionsKept],
    [samples, dashboard.samplesKept],
  ];
  if (kinds.some(([{ entries }]) => entries === 0)) return null;
  return kinds.reduce((sum, [{ entries, bytes }, kept]) => sum + (bytes / entries) * kept, 0);
}
