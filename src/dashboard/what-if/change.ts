import { stringify } from 'yaml';
import { parseConfig } from '../../config/load.js';
import { workersThatFit } from '../../config/pool.js';
import { configFields } from '../../config/show.js';
import type { Config, PoolConfig } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { Changes } from './ask.js';
import type { FieldChange } from './view.js';

/** A configuration to simulate, and what it supposes, each in a sentence. */
export interface Supposed {
  config: Config;
  notes: string[];
}

/**
 * The configuration with engines that can be simulated: a real engine by the profile that its planner sizes by. Levels
 * are made different, since the simulator tells pools by them.
 * Errors: `invalid_request` for an engine without a profile.
 */
export function simulatable(config: Config): Supposed {
  const notes: string[] = [];
  const all = Object.values(config.pools);
  const distinct = new Set(all.map(({ level }) => level)).size === all.length;
  const levelOf = (pool: PoolConfig) => (distinct ? pool.level : `p${all.indexOf(pool)}`);
  const pools = all.map((pool): [string, PoolConfig] => {
    const { engine } = pool;
    if (engine.kind === 'noop')
      throw new SluiceError(
        'invalid_request',
        `pool ${pool.name}: its engine, noop, has nothing to simulate`,
      );
    if (engine.kind === 'openai')
      notes.push(`the engine of ${pool.name} is simulated by its profile, ${engine.profile}`);
    const { profile, coldStartSeconds, maxSequences, maxBatchedTokens } = engine;
    const shared = { profile, coldStartSeconds, maxSequences, maxBatchedTokens };
    const sim = { kind: 'sim' as const, ...shared, prefixCache: false, seed: 1 };
    return [pool.name, { ...pool, level: levelOf(pool), engine: engine.kind === 'sim' ? engine : sim }];
  });
  const first = all.find(({ level }) => level === config.defaultLevel);
  const defaultLevel = first === undefined ? config.defaultLevel : levelOf(first);
  return { config: { ...config, defaultLevel, pools: Object.fromEntries(pools) }, notes };
}

/**
 * The configuration with the changed fields, checked as a file is. A budget beyond the fleet is given GPUs that
 * are not there, and says so.
 * Errors: `invalid_request` with each field that does not fit.
 */
export function changed(config: Config, changes: Changes): Supposed {
  const fields = configFields(config);
  for (const [name, change] of Object.entries(changes)) {
    const pool = Object.hasOwn(config.pools, name) ? config.pools[name] : undefined;
    if (pool === undefined) {
      const known = Object.keys(config.pools).join(', ');
      throw new SluiceError(
        'invalid_request',
        `changes: expected pools of ${known}, got ${JSON.stringify(name)}`,
      );
    }
    const merged = merge(fields.pools[name] ?? {}, change);
    const budget = change.gpu_budget;
    if (budget !== undefined) {
      merged.gpu_budget = budgetOf(pool, budget);
      const fit = Math.max(1, workersThatFit(pool.tensorParallelism, pool.gpuBudget.ceiling));
      // Where the budget decided how many there may be, it does so again.
      if (change.max_workers === undefined && pool.maxWorkers === fit) delete merged.max_workers;
    }
    fields.pools[name] = merged;
  }
  const notes = lendGpus(fields);
  try {
    return { config: parseConfig(stringify(fields), 'changes'), notes };
  } catch (error) {
    const known = SluiceError.from(error);
    if (known.code !== 'invalid_config') throw known;
    const lines = known.message.split('\n').map((line) => line.replace(/^changes:(\d+:\d+:)? ?/, ''));
    throw new SluiceError('invalid_request', lines.join('; '));
  }
}

/** The fields that were asked for and differ, with both values. */
export function changeList(before: Config, after: Config, changes: Changes): FieldChange[] {
  const [was, is] = [configFields(before).pools, configFields(after).pools];
  return Object.entries(changes).flatMap(([pool, change]) =>
    leaves(change).flatMap((field): FieldChange[] => {
      const [from, to] = [valueAt(was[pool], field), valueAt(is[pool], field)];
      return from === to ? [] : [{ pool, field, from, to }];
    }),
  );
}

/** Dotted paths. */
function leaves(value: object, prefix = ''): string[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    isMapping(inner) ? leaves(inner, `${prefix}${key}.`) : [`${prefix}${key}`],
  );
}

function valueAt(fields: unknown, path: string): string {
  const value = path
    .split('.')
    .reduce<unknown>((at, key) => (isMapping(at) ? Reflect.get(at, key) : undefined), fields);
  return String(value);
}

type PoolFields = ReturnType<typeof configFields>['pools'][string];

function merge(base: PoolFields, change: Changes[string]): PoolFields {
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const before = merged[key];
    const both = isMapping(before) && isMapping(value);
    merged[key] = both ? { ...before, ...value } : value;
  }
  return merged;
}

/** A ceiling alone moves what is guaranteed with it, where the two were one or it goes below. */
function budgetOf(
  { gpuBudget }: PoolConfig,
  budget: NonNullable<Changes[string]['gpu_budget']>,
): { guaranteed: number; ceiling: number } {
  const ceiling = budget.ceiling ?? gpuBudget.ceiling;
  const kept = gpuBudget.guaranteed === gpuBudget.ceiling ? ceiling : Math.min(gpuBudget.guaranteed, ceiling);
  return { guaranteed: budget.guaranteed ?? kept, ceiling };
}

/** Adds a host for what the budgets need beyond the inventory, in islands as large as its largest. */
function lendGpus(fields: ReturnType<typeof configFields>): string[] {
  const hosts = fields.inventory?.hosts ?? [];
  const sizes = hosts.flatMap(({ islands }) => islands.map((island) => island.length));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const budgets = Object.values(fields.pools).map((pool) => pool.gpu_budget ?? {});
  const needed = Math.max(
    budgets.reduce((sum, { guaranteed = 0 }) => sum + guaranteed, 0),
    ...budgets.map(({ ceiling = 0 }) => ceiling),
  );
  const missing = needed - total;
  if (missing <= 0) return [];
  const size = Math.max(1, ...sizes);
  const count = Math.ceil(missing / size);
  const islands = Array.from({ length: count }, (_, island) =>
    Array.from({ length: size }, (_, gpu) => island * size + gpu),
  );
  fields.inventory = { hosts: [...hosts, { name: `what-if-${hosts.length}`, islands }] };
  return [
    `the changed budgets need ${missing} ${missing === 1 ? 'GPU' : 'GPUs'} more than the ${total} of the fleet`,
  ];
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
