import { dirname, resolve } from 'node:path';
import { stringify } from 'yaml';
import { defaultConfig, loadConfig, parseConfig } from '../../config/load.js';
import { Problems } from '../../config/problems.js';
import { parseSource, readConfigText } from '../../config/source.js';
import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import type { PeakScales } from '../capacity/peak.js';
import type { Fault } from '../run/faults.js';
import type { SimulateOptions } from '../run/options.js';
import type { TraceStream } from '../traces/read.js';
import type { TimedRequest } from '../workload/arrivals.js';
import { mergeRequests } from '../workload/merge.js';
import { openEngines, withColdStart } from './engines.js';
import { type OpenLoad, openLoad } from './load.js';
import { peaksOf } from './peaks.js';
import { type ScenarioFields, scenarioSchema } from './scenario-schema.js';

/** Live, a request is with a worker in line about so long after its acceptance (p50 of the overhead benchmark). */
export const DISPATCH_SECONDS = 0.002;

export interface OpenScenario {
  /** Its requests may be read again and again: each simulation of it has the same. */
  options: SimulateOptions;
  /** Traces that the last simulation reads, with what they left out so far. */
  traces: TraceStream[];
  /** Where each load comes from. */
  sources: string[];
  peaks: PeakScales;
  seed: number;
  title: string | null;
}

export interface ScenarioOverrides {
  config?: Config;
  /** Cold start of engines for which neither the scenario nor its configuration sets one, seconds; default: the presets'. */
  coldStartSeconds?: number;
  seed?: number;
  /** Only so many seconds after this one (and after the warm-up, which then begins there). */
  fromSeconds?: number;
  seconds?: number;
  /** What `peak_of_capacity` came to, where that is known. */
  peaks?: PeakScales;
  /** Length of an interval of the time series, seconds. */
  intervalSeconds?: number;
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
  let config = overrides.config ?? configOf(fields.config, folder, file, overrides.coldStartSeconds);
  if (fields.cold_start_seconds !== undefined) config = withColdStart(config, fields.cold_start_seconds);
  const seed = overrides.seed ?? fields.seed;
  const traces: TraceStream[] = [];
  const levels = Object.values(config.pools).map(({ level }) => level);
  const opened = fields.arrivals.map((load, index) => {
    // Loads of one scenario are independent of each other, the first as it would be alone.
    return openLoad(load, folder, (seed + index * 0x9e3779b1) >>> 0, traces, levels);
  });
  const engines = openEngines(config);
  const peaks = overrides.peaks ?? peaksOf(fields, file, { config, engines, loads: opened, seed });
  const warmUpSeconds = fields.warm_up_seconds ?? 0;
  const { fromSeconds = 0, seconds, intervalSeconds = fields.interval_seconds } = overrides;
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
    engines,
    requests: again(opened, peaks, traces, fromSeconds),
    faults,
    warmUpSeconds,
    durationSeconds: seconds === undefined ? fields.duration_seconds : warmUpSeconds + seconds,
    dispatchSeconds: fields.dispatch_seconds ?? DISPATCH_SECONDS,
    coldBegin: fields.begin === 'cold',
    ...(intervalSeconds === undefined ? {} : { intervalSeconds }),
  };
  const sources = opened.map(({ source }) => source);
  return { options, traces, sources, peaks, seed, title: fields.title ?? null };
}

/** The requests of all loads from a moment on, drawn or read anew each time. */
function again(
  loads: readonly OpenLoad[],
  peaks: PeakScales,
  traces: TraceStream[],
  fromSeconds: number,
): Iterable<TimedRequest> {
  return {
    [Symbol.iterator]() {
      traces.length = 0;
      const parts = loads.map((load) => load.requests(peaks[load.level ?? '']?.scale ?? 1));
      return mergeRequests(parts, { fromSeconds });
    },
  };
}

function configOf(
  given: ScenarioFields['config'],
  folder: string,
  file: string,
  coldStartSeconds: number | undefined,
): Config {
  if (given === undefined)
    return coldStartSeconds === undefined
      ? defaultConfig()
      : withColdStart(defaultConfig(), coldStartSeconds);
  if (typeof given === 'string') return loadConfig(resolve(folder, given), coldStartSeconds);
  return parseConfig(stringify(given), `${file}:config`, coldStartSeconds);
}
