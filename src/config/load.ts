import { dirname } from 'node:path';
import { Assignments, isMapping } from './assignments.js';
import { buildConfig } from './build.js';
import { checkInventory, checkPools, checkTimes } from './check.js';
import { fileSchema } from './file-schema.js';
import { findPools } from './find-pools.js';
import { type Path, Problems, show } from './problems.js';
import { readPools } from './read-pools.js';
import { parseSource, readConfigText } from './source.js';
import type { Config } from './types.js';
import { validate } from './validate.js';

export { defaultConfig } from './presets.js';

/** A configuration, and what is allowed in its file but probably not meant. */
export interface CheckedConfig {
  config: Config;
  /** One line each: `file:line:column: path: note`. */
  notes: string[];
}

/**
 * Reads and validates a configuration file.
 * Errors: `not_found` where there is no such file; `invalid_config` with every problem, one a line, as `file:line:column: path: expected X, got Y`.
 * @param coldStartSeconds of simulated engines for which the file sets none; default: the presets'
 */
export function loadConfig(file: string, coldStartSeconds?: number): Config {
  return parseConfig(readConfigText(file), file, coldStartSeconds);
}

/** As `loadConfig`, from text; `file` is named in errors. */
export function parseConfig(text: string, file: string, coldStartSeconds?: number): Config {
  return checkConfig(text, file, coldStartSeconds).config;
}

/** As `parseConfig`, with notes. */
export function checkConfig(text: string, file: string, coldStartSeconds?: number): CheckedConfig {
  const source = parseSource(text, file);
  const problems: Problems = new Problems(file, source.locate);
  if (!isMapping(source.value)) {
    problems.fail([], `expected a mapping with fields such as "pools", got ${show(source.value)}`);
  }
  const { pools: found, rest } = findPools(source.value, problems);
  const planner = gatherPlanner(rest, problems);
  const pools = readPools(found, planner, dirname(file), problems, coldStartSeconds);
  if (!Object.hasOwn(rest, 'planner') || isMapping(rest.planner)) rest.planner = planner.nested();
  const origin = (path: Path): Path => (path[0] === 'planner' ? planner.origin(path.slice(1), path) : path);
  const fields = validate(fileSchema, rest, origin, problems, ['pools']);
  if (fields !== null) {
    const config = buildConfig(fields, pools, file, problems);
    checkInventory(config.inventory, problems);
    checkTimes(config, origin, problems);
    checkPools(config, pools.origin, problems);
    problems.throwIfAny();
    return { config, notes: problems.notes };
  }
  problems.throwIfAny();
  // Unreachable: fields are null only with problems.
  return problems.fail([], 'expected a valid configuration');
}

/** The `planner` section by key, open to what Dynamo's sections of the pools add to it. */
function gatherPlanner(rest: Record<string, unknown>, problems: Problems): Assignments {
  const planner = new Assignments(problems);
  if (isMapping(rest.planner)) {
    for (const [key, value] of Object.entries(rest.planner)) {
      planner.set(key.replaceAll('.', '_'), value, ['planner', key]);
    }
  }
  return planner;
}
