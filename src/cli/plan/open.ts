import { loadConfig } from '../../config/load.js';
import type { Config } from '../../config/types.js';
import { SluiceError } from '../../contract/errors.js';
import { openEngines } from '../../simulator/open/engines.js';
import { type OpenScenario, openScenario, scenarioOf } from '../../simulator/open/scenario.js';
import type { PoolEngine } from '../../simulator/run/options.js';
import { TRACE_FORMATS } from '../../simulator/traces/read.js';
import { numberOption, seedOption } from '../report/options.js';
import { traceScenario } from '../report/trace-scenario.js';
import { type SloSpec, withSlos } from './slo.js';

export interface OpenFlags {
  format?: string;
  mix?: string;
  speed: string;
  rateScale: string;
  seed?: string;
  config?: string;
  coldStart?: string;
  skipBad?: boolean;
  maxGap?: string;
}

export interface OpenedTraffic {
  opened: OpenScenario;
  /** With the asked targets. */
  config: Config;
  /** What was asked, one of each level. */
  slos: readonly SloSpec[];
  /** A request that names no level is of none of those asked: a trace, several levels and no mix. */
  everyLevelNamed: boolean;
  engines: Readonly<Record<string, PoolEngine>>;
}

/** Opens a trace or a scenario, and the configuration with the asked targets. Errors as `openScenario`, `withSlos`. */
export function openTraffic(file: string, flags: OpenFlags, slos: readonly SloSpec[]): OpenedTraffic {
  const given = flags.config === undefined ? {} : { config: loadConfig(flags.config) };
  const isScenario = /\.ya?ml$/.test(file);
  const opened = isScenario
    ? openScenario(file, { ...given, ...(flags.seed === undefined ? {} : { seed: seedOption(flags.seed) }) })
    : scenarioOf(traceFields(file, flags, slos), 'plan', given);
  const config = withSlos(opened.options.config, slos);
  const everyLevelNamed = !isScenario && flags.mix === undefined && slos.length > 1;
  return { opened, config, slos, everyLevelNamed, engines: openEngines(config) };
}

function traceFields(file: string, flags: OpenFlags, slos: readonly SloSpec[]) {
  const format = TRACE_FORMATS.find((name) => name === flags.format);
  if (format === undefined) {
    const got = flags.format === undefined ? 'none' : JSON.stringify(flags.format);
    const message = `expected --format to be one of ${TRACE_FORMATS.join(', ')} (or a scenario .yaml), got ${got}`;
    throw new SluiceError('invalid_request', message);
  }
  // One level asked for: the traffic is of it.
  const [only] = slos;
  const level = flags.mix === undefined && slos.length === 1 ? only?.level : undefined;
  return traceScenario({
    arrivals: [
      {
        trace: file,
        format,
        ...(level === undefined ? {} : { level }),
        ...(flags.mix === undefined ? {} : { mix: flags.mix }),
        ...(flags.skipBad === true ? { skip_bad: true } : {}),
        ...(flags.maxGap === undefined ? {} : { max_gap_seconds: numberOption('--max-gap', flags.maxGap) }),
        speed: numberOption('--speed', flags.speed),
        rate_scale: numberOption('--rate-scale', flags.rateScale),
      },
    ],
    seed: flags.seed === undefined ? 1 : seedOption(flags.seed),
    ...(flags.coldStart === undefined
      ? {}
      : { cold_start_seconds: numberOption('--cold-start', flags.coldStart) }),
  });
}
