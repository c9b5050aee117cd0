import type { Assignments } from './assignments.js';
import { engineProblems } from './engine.js';
import type { RawPool } from './find-pools.js';
import { type NormalizedPool, normalizePool } from './normalize.js';
import { agrees, buildPool } from './pool.js';
import { type PoolFields, poolSchema } from './pool-schema.js';
import { presetPool, SIM, TIERS } from './presets.js';
import { type Path, type Problems, show } from './problems.js';
import type { PoolConfig } from './types.js';
import { validate } from './validate.js';

/** The pools of a file that are valid each by itself. */
export interface ReadPools {
  pools: PoolConfig[];
  /** Whether all pools of the file are among them. */
  complete: boolean;
  /** Where a field of a pool stands in the file; the pool itself when the field came from its preset. */
  origin(pool: string, field: string): Path;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;
/** Its Redis keys would be the GPU ledger's. */
const RESERVED = 'gpu';

/**
 * Reads each pool; null: the three presets. `planner` takes what Dynamo sets by pool and Sluice once.
 * @param coldStartSeconds of simulated engines for which none is set
 */
export function readPools(
  raw: RawPool[] | null,
  planner: Assignments,
  folder: string,
  problems: Problems,
  coldStartSeconds = SIM.coldStartSeconds,
): ReadPools {
  if (raw === null) {
    const pools = TIERS.map((tier) => {
      return { ...presetPool(tier, tier, tier), engine: { ...SIM, coldStartSeconds } };
    });
    return { pools, complete: true, origin: () => ['pools'] };
  }
  const origins = new Map<string, (field: string) => Path>();
  const pools: PoolConfig[] = [];
  for (const { name, value, path } of raw) {
    const before = problems.count;
    checkName(name, path, origins, problems);
    const normalized = normalizePool(value, path, planner, problems);
    const origin = (keys: Path): Path => normalized.fields.origin(keys, path);
    origins.set(name, (field) => origin(field.split('.')));
    const fields = validate(poolSchema, normalized.fields.nested(), origin, problems);
    if (fields === null) continue;
    checkProactive(fields, normalized, problems);
    checkEngine(fields, origin, problems);
    if (problems.count === before)
      pools.push(buildPool(name, fields, normalized.proactive, folder, coldStartSeconds));
  }
  return {
    pools,
    complete: pools.length === raw.length && raw.length > 0,
    origin: (pool, field) => origins.get(pool)?.(field) ?? ['pools'],
  };
}

function checkName(name: string, path: Path, taken: ReadonlyMap<string, unknown>, problems: Problems): void {
  if (!NAME.test(name)) {
    problems.add(path, `expected a pool name of letters, digits, "-" and "_", got ${show(name)}`);
  } else if (name.toLowerCase() === RESERVED) {
    problems.add(path, `expected another pool name, got ${show(name)}, which the GPU ledger uses`);
  } else if (taken.has(name)) problems.add(path, `expected each pool name once, got ${show(name)} again`);
}

function checkProactive(fields: PoolFields, { proactive }: NormalizedPool, problems: Problems): void {
  const lookAhead = fields.scaling?.look_ahead;
  if (proactive === null || lookAhead === undefined || agrees(proactive.value, lookAhead)) return;
  problems.add(
    proactive.path,
    `expected ${!proactive.value} to agree with scaling.look_ahead ${lookAhead}, got ${proactive.value}`,
  );
}

function checkEngine({ engine }: PoolFields, origin: (keys: Path) => Path, problems: Problems): void {
  for (const { key, message } of engineProblems(engine ?? {})) problems.add(origin(['engine', key]), message);
  if (engine?.kind === 'openai' && engine.profile === undefined) {
    const how = '`sluice profile measure --url` measures one';
    problems.note(
      origin(['engine', 'kind']),
      `no engine.profile: the planner sizes by that of the presets; ${how}`,
    );
  }
}
