import { longestColdStart } from '../../config/cold-start.js';
import type { Config } from '../../config/types.js';
import type { ComparedPolicy } from '../../simulator/compare/policies.js';
import { type Comparison, policyReport } from '../../simulator/compare/report.js';
import type { Crew } from './crew.js';
import { compareSeed, type OneSeed, runsOfSeed } from './one-seed.js';
import { RunCount } from './run-count.js';
import { openSpec, type ScenarioSpec } from './task.js';

export interface CompareOptions {
  scenario: ScenarioSpec;
  policies: readonly ComparedPolicy[];
  /** How many seeds, from the scenario's on. */
  seeds: number;
  /** Only the published constants of each policy. */
  published: boolean;
  crew: Crew;
  note: (line: string) => void;
}

/** Runs every policy on the same arrivals, for each seed. */
export async function compare(options: CompareOptions): Promise<{ comparison: Comparison; config: Config }> {
  const { scenario, policies, published, crew, note } = options;
  const first = openSpec(scenario);
  const seeds: OneSeed[] = [];
  const count = new RunCount(options.seeds * runsOfSeed(policies, published));
  for (let k = 0; k < options.seeds; k++) {
    const opened = k === 0 ? first : openSpec({ ...scenario, seed: (first.seed + k) >>> 0 });
    seeds.push(await compareSeed(scenario, opened, policies, published, { crew, note, count }));
  }
  const runs = seeds.flatMap((one) => one.runs);
  const comparison = {
    file: scenario.file,
    title: first.title ?? scenario.file,
    sources: first.sources,
    coldStartSeconds: longestColdStart(Object.values(first.options.config.pools)),
    seeds: seeds.map(({ facts }) => facts),
    policies: policies.map((policy) => {
      const own = runs.filter((one) => one.policy === policy.name);
      const variants = Array.from(new Set(own.map(({ variant }) => variant))).sort((a, b) => a - b);
      return policyReport(
        policy,
        variants.map((k) => own.filter(({ variant }) => variant === k).map(({ run }) => run)),
      );
    }),
  };
  return { comparison, config: first.options.config };
}
