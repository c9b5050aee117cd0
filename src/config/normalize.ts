import { Assignments, isMapping } from './assignments.js';
import {
  DYNAMO_IGNORED_KEYS,
  DYNAMO_KEYS,
  DYNAMO_SECTIONS,
  DYNAMO_SHARED_KEYS,
  PROACTIVE_KEY,
} from './dynamo.js';
import { listFields } from './fields.js';
import { poolSchema } from './pool-schema.js';
import { type Path, type Problems, show } from './problems.js';
import { hint } from './suggest.js';

/** A pool's values under the design's names, whichever names they were given under. */
export interface NormalizedPool {
  fields: Assignments;
  /** What `enable_proactive_scaling` said; its meaning depends on the preset. */
  proactive: { value: boolean; path: Path } | null;
}

const OWN_KEYS = Object.keys(poolSchema.shape);
const KNOWN_KEYS = [
  ...new Set([...OWN_KEYS, ...DYNAMO_KEYS.keys(), ...DYNAMO_SHARED_KEYS.keys(), PROACTIVE_KEY, 'Planner']),
];
/** Fields that are mappings of fields. */
const SECTIONS = new Set(
  listFields(poolSchema).flatMap(({ key }) => (key.includes('.') ? [key.split('.')[0]] : [])),
);
/** Fields that one scalar may stand for. */
const SHORTHANDS = new Map([
  ['tensor_parallelism', ['prefill', 'decode']],
  ['gpu_budget', ['guaranteed', 'ceiling']],
]);

/** Gathers the fields of one pool from both name sets. `shared` takes what Dynamo sets by pool and we set once. */
export function normalizePool(
  raw: unknown,
  path: Path,
  shared: Assignments,
  problems: Problems,
): NormalizedPool {
  const pool: NormalizedPool = { fields: new Assignments(problems), proactive: null };
  gather(raw, path, pool, shared, problems);
  return pool;
}

function gather(
  raw: unknown,
  path: Path,
  pool: NormalizedPool,
  shared: Assignments,
  problems: Problems,
): void {
  // A bare `high:` takes the whole preset.
  if (raw === null) return;
  if (!isMapping(raw)) {
    problems.add(path, `expected a mapping of fields, got ${show(raw)}`);
    return;
  }
  const inPlanner = path.at(-1) === 'Planner';
  for (const [key, value] of Object.entries(raw)) {
    const at = [...path, key];
    if (key === 'Planner' && !inPlanner) gather(value, at, pool, shared, problems);
    else if (DYNAMO_SECTIONS.has(key) && !inPlanner)
      problems.note(at, 'ignored: only the Planner section counts');
    else gatherField(key.replaceAll('-', '_'), value, at, pool, shared, problems);
  }
}

function gatherField(
  key: string,
  value: unknown,
  at: Path,
  pool: NormalizedPool,
  shared: Assignments,
  problems: Problems,
): void {
  const dynamo = DYNAMO_KEYS.get(key);
  const sharedKey = DYNAMO_SHARED_KEYS.get(key);
  const ignored = DYNAMO_IGNORED_KEYS.get(key);
  if (dynamo !== undefined) pool.fields.set(dynamo.field, dynamo.translate?.(value) ?? value, at);
  else if (sharedKey !== undefined) shared.set(sharedKey, value, at);
  else if (key === PROACTIVE_KEY) gatherProactive(value, at, pool, problems);
  else if (OWN_KEYS.includes(key)) gatherOwn(key, value, at, pool.fields);
  else if (ignored !== undefined) problems.note(at, `ignored: ${ignored}`);
  else if (key === 'no_operation') gatherNoOperation(value, at, problems);
  else problems.add(at, `unknown field; ${hint(key, KNOWN_KEYS)}`);
}

/** A nested field is taken apart, so that each leaf can meet its other name. */
function gatherOwn(key: string, value: unknown, at: Path, fields: Assignments): void {
  const names = SHORTHANDS.get(key);
  if (SECTIONS.has(key) && isMapping(value)) {
    for (const [inner, leaf] of Object.entries(value)) {
      fields.set(`${key}.${inner.replaceAll('-', '_').replaceAll('.', '_')}`, leaf, [...at, inner]);
    }
  } else if (names !== undefined && (typeof value === 'number' || typeof value === 'string')) {
    for (const name of names) fields.set(`${key}.${name}`, value, at);
  } else fields.set(key, value, at);
}

function gatherProactive(value: unknown, at: Path, pool: NormalizedPool, problems: Problems): void {
  if (typeof value !== 'boolean') problems.add(at, `expected true or false, got ${show(value)}`);
  else if (pool.proactive !== null && pool.proactive.value !== value) {
    problems.add(at, `expected the same value as before (${show(pool.proactive.value)}), got ${show(value)}`);
  } else pool.proactive = { value, path: at };
}

function gatherNoOperation(value: unknown, at: Path, problems: Problems): void {
  if (value === false) problems.note(at, 'ignored: false is what Sluice does');
  else {
    problems.add(at, `expected false, got ${show(value)}; to stop scaling use \`sluice scale POOL --pause\``);
  }
}
