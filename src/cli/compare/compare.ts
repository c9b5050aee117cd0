import { countArrivals } from '../../simulator/compare/arrivals.js';
import { type ComparedPolicy, policyNamed } from '../../simulator/compare/policies.js';
import {
  type Comparison,
  policyReport,
  type RunOfPolicy,
  runOfPolicy,
  type SeedFacts,
} from '../../simulator/compare/report.js';
import type { PolicyRunResult } from '../../simulator/compare/run.js';
import { excusedBy } from '../../simulator/compare/verdict.js';
import { SluiceError } from '../../contract/errors.js';
import type { Crew } from './crew.js';
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

const REFERENCE = 'static-full';

/**
 * Runs every policy on the same arrivals, for each seed. The whole budget, held all the time, runs first: hours that it
 * does not keep no policy can, and they are left out of the judgement.
 */
export async function compare(options: CompareOptions): Promise<Comparison> {
  const { policies, crew, note } = options;
  const first = openSpec(options.scenario);
  const runs = new Map(policies.map(({ name }) => [name, [] as RunOfPolicy[][]]));
  const seeds: SeedFacts[] = [];
  for (let k = 0; k < options.seeds; k++) {
    const seed = (first.seed + k) >>> 0;
    const opened = k === 0 ? first : openSpec({ ...options.scenario, seed });
    const { options: simulation, peaks } = opened;
    const scenario = { ...options.scenario, seed, peaks };
    const arrivals = countArrivals(simulation.config, simulation);
    const total = Object.values(arrivals).reduce((sum, { requests }) => sum + requests, 0);
    if (total === 0)
      throw new SluiceError('invalid_request', `${scenario.file}: expected at least one request, got none`);
    note(`seed ${seed}: ${total} requests`);
    const requests = Object.fromEntries(
      Object.entries(arrivals).map(([pool, figures]) => [pool, figures.requests]),
    );
    const once = async (policy: string, variant: number, excused: SeedFacts['excused']) => {
      const label = `seed ${seed}, ${policy}${variant === 0 ? '' : ` (${variant + 1})`}`;
      const begunMs = Date.now();
      let toldMs = begunMs;
      const result = await crew.do({ scenario, run: { policy, variant, requests, excused } }, (progress) => {
        if (Date.now() - toldMs < 5000) return;
        toldMs = Date.now();
        note(`${label}: ${progress.hours.toFixed(1)} h, ${progress.requests} requests`);
      });
      note(`${label}: done in ${((Date.now() - begunMs) / 1000).toFixed(1)} s`);
      return result;
    };
    const reference = await once(REFERENCE, 0, {});
    const excused = excusedBy(reference.outcome);
    seeds.push({ seed, hours: reference.outcome.wallSeconds / 3600, arrivals, peaks, excused });
    const take = (policy: string, variant: number, { outcome, note: found }: PolicyRunResult) => {
      const own = runs.get(policy);
      if (own === undefined) return;
      own[variant] ??= [];
      own[variant].push(runOfPolicy(seed, outcome, found, excused));
    };
    take(REFERENCE, 0, reference);
    const tasks = policies.flatMap(({ name, grid }) =>
      name === REFERENCE
        ? []
        : grid.slice(0, options.published ? 1 : grid.length).map((_, v) => [name, v] as const),
    );
    await Promise.all(
      tasks.map(async ([name, variant]) => take(name, variant, await once(name, variant, excused))),
    );
  }
  return {
    file: options.scenario.file,
    title: first.title ?? options.scenario.file,
    sources: first.sources,
    coldStartSeconds: coldStartOf(first.options.config),
    seeds,
    policies: [...runs].map(([name, own]) => policyReport(policyNamed(name), own)),
  };
}

function coldStartOf(config: ReturnType<typeof openSpec>['options']['config']): number {
  const starts = Object.values(config.pools).map(({ engine }) =>
    engine.kind === 'noop' ? 0 : engine.coldStartSeconds,
  );
  return Math.max(0, ...starts);
}
