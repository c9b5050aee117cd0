import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { stringify } from 'yaml';
import { defaultConfig, loadConfig, parseConfig } from '../../config/load.js';
import { Problems } from '../../config/problems.js';
import { parseSource, readConfigText } from '../../config/source.js';
import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { Fault } from '../run/faults.js';
import type { SimulateOptions } from '../run/options.js';
import { streamTrace, type TraceStream } from '../traces/read.js';
import { parseMix, requestsOf, type TimedRequest } from '../workload/arrivals.js';
import { mergeRequests } from '../workload/merge.js';
import { logNormal, seededRandom } from '../workload/random.js';
import { parseRateSeries, seriesRequests } from '../workload/rate-series.js';
import { type LengthShape, shapeRequests } from '../workload/shape.js';
import { parseTokenCdfs, TokenTable } from '../workload/token-cdf.js';
import { openEngines, withColdStart } from './engines.js';
import { type LoadFields, type ScenarioFields, scenarioSchema } from './scenario-schema.js';

/** Live, a request is with a worker in line about so long after its acceptance (p50 of the overhead benchmark). */
const DISPATCH_SECONDS = 0.002;

export interface OpenScenario {
  options: SimulateOptions;
  /** Traces that are read while the simulation runs, with what they left out so far. */
  traces: TraceStream[];
}

export interface ScenarioOverrides {
  config?: Config;
  seed?: number;
}

/**
 * Reads a scenario file and opens what it names; paths are relative to it.
 * Errors: `invalid_config` with file, line and path of what is wrong; those of the configuration and of traces.
 */
export function openScenario(file: string, overrides: ScenarioOverrides = {}): OpenScenario {
  return scenarioOf(readScenario(file), file, overrides);
}

/** Parses and checks a scenario file. */
function readScenario(file: string): ScenarioFields {
  const source = parseSource(readConfigText(file), file);
  const parsed = scenarioSchema.safeParse(source.value);
  if (parsed.success) return parsed.data;
  const problems = new Problems(file, source.locate);
  for (const issue of parsed.error.issues) {
    const path = issue.path.map((part) => (typeof part === 'symbol' ? String(part) : part));
    problems.add(path, issue.message);
  }
  problems.throwIfAny();
  throw new SluiceError('internal', `${file}: not a scenario`);
}

/** A simulation from a scenario's fields; `file` is where its paths start and what errors name. */
export function scenarioOf(
  fields: ScenarioFields,
  file: string,
  overrides: ScenarioOverrides = {},
): OpenScenario {
  const folder = dirname(resolve(file));
  let config = overrides.config ?? configOf(fields.config, folder, file);
  if (fields.cold_start_seconds !== undefined) config = withColdStart(config, fields.cold_start_seconds);
  const seed = overrides.seed ?? fields.seed;
  const traces: TraceStream[] = [];
  const loads = fields.arrivals.map((load, index) => {
    // Loads of one scenario are independent of each other, the first as it would be alone.
    return openLoad(load, folder, (seed + index * 0x9e3779b1) >>> 0, traces);
  });
  const [only] = loads;
  const faults = fields.faults.map((fault): Fault => {
    if (!Object.hasOwn(config.pools, fault.pool))
      throw new SluiceError(
        'invalid_config',
        `${file}: faults: expected a pool of ${Object.keys(config.pools).join(', ')}, got ${fault.pool}`,
      );
    const { at_seconds: atSeconds, pool } = fault;
    switch (fault.kind) {
      case 'worker_death':
        return { kind: fault.kind, atSeconds, pool, noticed: fault.noticed };
      case 'slow_gpu':
        return { kind: fault.kind, atSeconds, pool, factor: fault.factor, forSeconds: fault.for_seconds };
      default:
        return { kind: fault.kind, atSeconds, pool, forSeconds: fault.for_seconds };
    }
  });
  const options: SimulateOptions = {
    config,
    engines: openEngines(config),
    requests: loads.length === 1 && only !== undefined ? only : mergeRequests(loads),
    faults,
    durationSeconds: fields.duration_seconds,
    dispatchSeconds: fields.dispatch_seconds ?? DISPATCH_SECONDS,
    coldBegin: fields.begin === 'cold',
    ...(fields.interval_seconds === undefined ? {} : { intervalSeconds: fields.interval_seconds }),
  };
  return { options, traces };
}

function configOf(given: ScenarioFields['config'], folder: string, file: string): Config {
  if (given === undefined) return defaultConfig();
  if (typeof given === 'string') return loadConfig(resolve(folder, given));
  return parseConfig(stringify(given), `${file}:config`);
}

function openLoad(
  load: LoadFields,
  folder: string,
  seed: number,
  traces: TraceStream[],
): Iterable<TimedRequest> {
  const rateScale = load.rate_scale ?? 1;
  const speed = load.speed ?? 1;
  if (load.trace !== undefined && load.format !== undefined) {
    const stream = streamTrace(resolve(folder, load.trace), load.format, {
      skipBad: load.skip_bad === true,
      ...(load.minutes === undefined ? {} : { maxSeconds: load.minutes * 60 }),
    });
    traces.push(stream);
    const mix =
      load.mix !== undefined
        ? parseMix(load.mix)
        : load.level === undefined
          ? undefined
          : [{ level: load.level, share: 1 }];
    return requestsOf(stream.rows, { seed, rateScale, speed, ...(mix ? { mix } : {}) });
  }
  const level = load.level ?? '';
  if (load.rate !== undefined && load.isl !== undefined && load.osl !== undefined) {
    const rate = load.rate.map(([atSeconds, rps]) => ({
      atSeconds: atSeconds / speed,
      rps: rps * rateScale,
    }));
    return shapeRequests({ level, rate, isl: load.isl, osl: load.osl }, seed);
  }
  const path = resolve(folder, load.series ?? '');
  const rate = parseRateSeries(readText(path, 'a rate series'), path);
  const tokens = openTokens(load, folder);
  return seriesRequests({ level, rate, tokens, seed, rateScale, speed, dispersion: load.dispersion ?? 1 });
}

function openTokens(load: LoadFields, folder: string): { isl: TokenTable; osl: TokenTable } {
  if (load.isl !== undefined && load.osl !== undefined)
    return { isl: tableOf(load.isl), osl: tableOf(load.osl) };
  const path = resolve(folder, load.tokens ?? '');
  return parseTokenCdfs(readText(path, 'token CDFs'), path, load.kind ?? '');
}

/** A log-normal length as a table of its sampled quantiles. */
function tableOf(shape: LengthShape): TokenTable {
  const random = seededRandom(1, 'table');
  const draws = Array.from({ length: 16_384 }, () =>
    Math.min(shape.max, Math.max(shape.min, logNormal(random, shape.median, shape.sigma))),
  ).sort((a, b) => a - b);
  return new TokenTable(draws.map((tokens, k) => [(k + 1) / draws.length, tokens]));
}

function readText(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new SluiceError('not_found', `expected ${what} at ${path}: ${reason}`, { cause: error });
  }
}
