import { SluiceError } from '../../contract/errors.js';
import { BASELINES } from '../baselines/all.js';
import type { Constants } from '../baselines/policy.js';
import { SluicePlanner } from '../run/planner.js';
import type { Scaler, ScalerInput } from '../run/scaler.js';

/** A policy as `compare` runs it: one that scales while the load runs, or one that is found by trying. */
export interface ComparedPolicy {
  name: string;
  title: string;
  source: string;
  grid: readonly [Constants, ...Constants[]];
  /** `search`: finds its fleet by simulating several (src/simulator/compare/run.ts). */
  kind: { scaler: (input: ScalerInput, constants: Constants) => Scaler } | 'search';
}

const SLUICE: ComparedPolicy = {
  name: 'sluice',
  title: "Sluice's planner as configured",
  source: 'docs/planner.md',
  grid: [{}],
  kind: { scaler: (input) => new SluicePlanner(input) },
};

const SEARCHED: readonly ComparedPolicy[] = [
  {
    name: 'static-best',
    title: 'the smallest fixed fleet that keeps the levels',
    source: 'src/simulator/compare/static-best.ts; knows the whole run beforehand',
    grid: [{}],
    kind: 'search',
  },
  {
    name: 'oracle',
    title: 'the fewest workers of each hour that keep it, started ahead',
    source: 'src/simulator/compare/hour-table.ts, bounds.ts; knows all arrivals beforehand',
    grid: [{}],
    kind: 'search',
  },
];

/** Every policy in the order of a report. */
export const POLICIES: readonly ComparedPolicy[] = [
  SLUICE,
  ...BASELINES.map(({ name, title, source, grid, create }) => ({
    name,
    title,
    source,
    grid,
    kind: { scaler: create },
  })),
  ...SEARCHED,
];

/** Policies by their names, in the order of a report. Throws `invalid_request` for an unknown one. */
export function policiesNamed(names: readonly string[]): ComparedPolicy[] {
  for (const name of names) policyNamed(name);
  return POLICIES.filter(({ name }) => names.includes(name));
}

export function policyNamed(name: string): ComparedPolicy {
  const policy = POLICIES.find((one) => one.name === name);
  if (policy !== undefined) return policy;
  const known = POLICIES.map((one) => one.name).join(', ');
  throw new SluiceError('invalid_request', `expected a policy of ${known}, got ${JSON.stringify(name)}`);
}
