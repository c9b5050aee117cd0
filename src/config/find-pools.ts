import { isMapping } from './assignments.js';
import { DYNAMO_SECTIONS } from './dynamo.js';
import { isTier } from './presets.js';
import { type Path, type Problems, show } from './problems.js';

/** A pool as it stands in the file, not yet looked into. */
export interface RawPool {
  name: string;
  value: unknown;
  path: Path;
}

/**
 * Finds the pools of a file: under `pools`, or, in a file laid out as Dynamo's, in top-level sections with a `Planner`
 * inside (one pool each) or one top-level `Planner` (one pool, named by its level). null: none, so the presets.
 */
export function findPools(
  file: Record<string, unknown>,
  problems: Problems,
): { pools: RawPool[] | null; rest: Record<string, unknown> } {
  const entries = Object.entries(file);
  if (Object.hasOwn(file, 'pools')) {
    const rest = Object.fromEntries(entries.filter(([key]) => key !== 'pools'));
    return { pools: underPools(file.pools, problems), rest };
  }
  const pools: RawPool[] = [];
  const rest: [string, unknown][] = [];
  const components: string[] = [];
  for (const [key, value] of entries) {
    if (key === 'Planner') pools.push({ name: levelOf(value), value: { Planner: value }, path: [] });
    else if (isMapping(value) && Object.hasOwn(value, 'Planner'))
      pools.push({ name: key, value, path: [key] });
    else if (DYNAMO_SECTIONS.has(key)) components.push(key);
    else rest.push([key, value]);
  }
  if (pools.length === 0) {
    return { pools: null, rest: file };
  }
  for (const key of components) problems.note([key], 'ignored: only the Planner sections count');
  return { pools, rest: Object.fromEntries(rest) };
}

function underPools(value: unknown, problems: Problems): RawPool[] {
  if (!isMapping(value)) {
    problems.add(['pools'], `expected a mapping of pools by name, got ${show(value)}`);
    return [];
  }
  const pools = Object.entries(value).map(([name, pool]) => ({ name, value: pool, path: ['pools', name] }));
  if (pools.length === 0) problems.add(['pools'], 'expected at least one pool, got none');
  return pools;
}

/** Dynamo's own default is MEDIUM. */
function levelOf(planner: unknown): string {
  if (!isMapping(planner)) return 'medium';
  const level = planner['slo-level'] ?? planner.slo_level ?? planner.level;
  const lower = typeof level === 'string' ? level.toLowerCase() : '';
  return isTier(lower) || /^[a-z0-9][a-z0-9_-]{0,62}$/.test(lower) ? lower : 'medium';
}
