import { SluiceError } from '../../contract/errors.js';
import { countArrivals } from '../../simulator/compare/arrivals.js';
import type { ComparedPolicy } from '../../simulator/compare/policies.js';
import { type RunOfPolicy, runOfPolicy, type SeedFacts } from '../../simulator/compare/report.js';
import type { PolicyRun, PolicyRunResult } from '../../simulator/compare/run.js';
import { excusedBy } from '../../simulator/compare/verdict.js';
import type { OpenScenario } from '../../simulator/open/scenario.js';
import { noteTraces } from '../report/trace-notes.js';
import type { Crew } from './crew.js';
import { oracle } from './oracle.js';
import type { RunCount } from './run-count.js';
import type { ScenarioSpec } from './task.js';

const REFERENCE = 'static-full';
const ORACLE = 'oracle';
/** A line of progress of one simulation at most so often, ms. */
const PROGRESS_MS = 10_000;

export interface OneSeed {
  facts: SeedFacts;
  /** By policy and place in its grid. */
  runs: { policy: string; variant: number; run: RunOfPolicy }[];
}

function variantsOf<T>({ grid }: { grid: readonly T[] }, published: boolean): readonly T[] {
  return grid.slice(0, published ? 1 : grid.length);
}

function labelOf(seed: number, { policy, variant }: { policy: string; variant: number }): string {
  return `seed ${seed}, ${policy}${variant === 0 ? '' : ` (constants ${variant + 1})`}`;
}

/** How many simulations one seed takes; the reference runs whether it is asked for or not. */
export function runsOfSeed(policies: readonly ComparedPolicy[], published: boolean): number {
  const others = policies.filter(({ name }) => name !== REFERENCE);
  return others.reduce((sum, policy) => sum + variantsOf(policy, published).length, 1);
}

/**
 * Runs every policy on the arrivals of one seed. The whole budget, held all the time, runs first: hours that it does not
 * keep no policy can, and they are left out of the judgement.
 */
export async function compareSeed(
  spec: ScenarioSpec,
  opened: OpenScenario,
  policies: readonly ComparedPolicy[],
  published: boolean,
  { crew, note, count }: { crew: Crew; note: (line: string) => void; count: RunCount },
): Promise<OneSeed> {
  const { options: simulation, peaks, seed } = opened;
  const scenario = { ...spec, seed, peaks };
  const arrivals = countArrivals(simulation.config, simulation);
  const total = Object.values(arrivals).reduce((sum, { requests }) => sum + requests, 0);
  if (total === 0)
    throw new SluiceError('invalid_request', `${spec.file}: expected at least one request, got none`);
  note(`seed ${seed}: ${total} requests`);
  noteTraces(
    opened.traces.map((trace) => trace.facts()),
    note,
  );
  const requests = Object.fromEntries(
    Object.entries(arrivals).map(([pool, figures]) => [pool, figures.requests]),
  );
  const simulate = (ask: Omit<PolicyRun, 'requests'>): Promise<PolicyRunResult> => {
    let toldMs = Date.now();
    return crew.do({ scenario, kind: 'policy', ask: { ...ask, requests } }, ({ hours, requests: passed }) => {
      if (Date.now() - toldMs < PROGRESS_MS) return;
      toldMs = Date.now();
      note(`${labelOf(seed, ask)}: ${hours.toFixed(1)} h, ${passed} requests`);
    });
  };
  const done = (ask: { policy: string; variant: number }) =>
    note(`${labelOf(seed, ask)}: done; ${count.done()}`);
  const reference = await simulate({ policy: REFERENCE, variant: 0, excused: {}, whole: true });
  done({ policy: REFERENCE, variant: 0 });
  const excused = excusedBy(reference.outcome);
  const hours = reference.outcome.wallSeconds / 3600;
  const full = Object.values(reference.outcome.pools);
  const staticGpuHours = full.reduce((sum, pool) => sum + pool.staticGpuHours, 0);
  const facts: SeedFacts = { seed, hours, arrivals, peaks, excused, staticGpuHours, bounds: null };
  const cells = async () => {
    const parts = Array.from({ length: crew.jobs }, (_, part) => {
      const ask = { part, of: crew.jobs };
      return crew.do({ scenario, kind: 'hours', ask }, () => {});
    });
    const table = (await Promise.all(parts)).flat();
    note(`seed ${seed}, oracle: the fewest workers of ${table.length} hours are known`);
    return table;
  };
  const follow = (schedule: Record<string, readonly number[]>) =>
    simulate({ policy: ORACLE, variant: 0, excused, schedule });
  const runs = policies.flatMap(({ name, grid }) =>
    variantsOf({ grid }, published).map(async (_, variant) => {
      const found = async () => {
        if (name === REFERENCE) return reference;
        if (name !== ORACLE) return simulate({ policy: name, variant, excused });
        const result = await oracle({ simulation, hours, excused, cells, follow });
        facts.bounds = result.bounds;
        return result;
      };
      const { outcome, note: words } = await found();
      if (name !== REFERENCE) done({ policy: name, variant });
      return { policy: name, variant, run: runOfPolicy(facts, outcome, words) };
    }),
  );
  return { facts, runs: await Promise.all(runs) };
}
