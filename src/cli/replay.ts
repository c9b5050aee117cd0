import { basename } from 'node:path';
import { Command } from 'commander';
import type { Config } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { readTrace, TRACE_FORMATS, type TraceFormat } from '../simulator/traces/read.js';
import { type Arrival, arrivalsOf, type Mix, parseMix } from '../simulator/workload/arrivals.js';
import { PromptWriter } from '../simulator/workload/prompts.js';
import { runPage } from './report/html/run-page.js';
import { INTERRUPTED, interruptible } from './report/interrupt.js';
import { numberOption, seedOption } from './report/options.js';
import { checkOutput, writeOutput } from './report/output.js';
import { ProgressLine } from './report/progress.js';
import { renderClientSide, renderFailures, renderReport } from './report/render.js';
import { measureLoad } from './report/session.js';
import { noteTraces } from './report/trace-notes.js';
import { openSystem, systemConfig } from './system.js';

interface ReplayFlags {
  format: string;
  slo?: string;
  mix?: string;
  speed: string;
  rateScale: string;
  minutes?: string;
  seed: string;
  config?: string;
  data?: string;
  json?: boolean;
  report?: string;
  skipBad?: boolean;
  maxGap?: string;
}

/** `sluice replay TRACE`: a trace against a running system, or one of its own for the run. */
export function replayCommand(): Command {
  return new Command('replay')
    .description('send the requests of a trace at their times (open loop) and report what came of them')
    .argument('<trace>', 'trace file')
    .requiredOption('--format <format>', `one of ${TRACE_FORMATS.join(', ')}`)
    .option('--slo <level>', 'SLO level of requests that name none')
    .option(
      '--mix <shares>',
      'draw the level by seed, as in high=.5,medium=.3,low=.2; shares are scaled to add up to 1',
    )
    .option('--speed <x>', 'divide time by x', '1')
    .option('--rate-scale <x>', 'thin (below 1) or multiply (above 1) arrivals by seed, times unchanged', '1')
    .option('--minutes <n>', 'take only the first n minutes of the trace')
    .option('--seed <n>', 'seed of levels, thinning and prompts', '1')
    .option('-c, --config <file>', 'configuration file')
    .option('--data <dir>', 'data folder of the running system, or of the one started for the run')
    .option('--skip-bad', 'leave broken rows out and count them')
    .option('--max-gap <seconds>', 'shorten longer times without a row, in seconds of the trace')
    .option('--report <file>', 'write the run as one HTML page with its time lines')
    .option('--json', 'print the report as JSON (docs/report.md)')
    .action(async (trace: string, flags: ReplayFlags) => {
      process.exitCode = await replay(trace, flags);
    });
}

/** @returns the exit code: 0 if no request was lost. */
async function replay(path: string, flags: ReplayFlags): Promise<number> {
  const progress = new ProgressLine(process.stderr, 'replay');
  if (flags.report !== undefined) checkOutput(flags.report);
  const wanted = { configFile: flags.config, dataDir: flags.data };
  const levels = Object.values((await systemConfig(wanted)).pools).map(({ level }) => level);
  const arrivals = await readArrivals(path, flags, levels, (line) => progress.note(line));
  return interruptible(async (signal) => {
    const system = await openSystem(wanted);
    try {
      checkLevels(system.config, arrivals);
      const { config, redisUrl } = system;
      const { report, load, drawn } = await measureLoad({
        draw: flags.report !== undefined,
        config,
        redisUrl,
        arrivals,
        signal,
        note: (line) => progress.note(line),
        onProgress: (state) => progress.show(state),
      });
      progress.finish();
      process.stderr.write(renderFailures(load.records));
      if (flags.json === true) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
      else
        process.stdout.write(renderReport(report, config) + renderClientSide(load.records, load.lateSeconds));
      if (flags.report !== undefined && drawn !== null)
        writeOutput(
          flags.report,
          runPage({ title: `Replay of ${basename(path)}`, report, config, ...drawn }),
        );
      if (load.aborted) return INTERRUPTED;
      return report.total.lost === 0 ? 0 : 1;
    } finally {
      progress.finish();
      await system.stop();
    }
  });
}

async function readArrivals(
  path: string,
  flags: ReplayFlags,
  levels: readonly string[],
  note: (line: string) => void,
): Promise<Arrival[]> {
  const mix = mixOf(flags);
  const speed = numberOption('--speed', flags.speed);
  const rateScale = numberOption('--rate-scale', flags.rateScale);
  const seed = seedOption(flags.seed);
  const minutes = flags.minutes === undefined ? undefined : numberOption('--minutes', flags.minutes);
  const { rows, ...facts } = await readTrace(path, formatOf(flags.format), {
    skipBad: flags.skipBad === true,
    levels,
    ...(flags.maxGap === undefined ? {} : { maxGapSeconds: numberOption('--max-gap', flags.maxGap) }),
    ...(minutes === undefined ? {} : { maxSeconds: minutes * 60 }),
  });
  noteTraces([facts], note);
  const arrivals = arrivalsOf(
    rows,
    { seed, speed, rateScale, ...(mix ? { mix } : {}) },
    new PromptWriter(seed),
  );
  if (arrivals.length === 0)
    throw new SluiceError('invalid_request', `--rate-scale ${rateScale} leaves none of ${rows.length} rows`);
  note(`${arrivals.length} requests over ${(arrivals.at(-1)?.atSeconds ?? 0).toFixed(1)} s`);
  return arrivals;
}

function formatOf(text: string): TraceFormat {
  const format = TRACE_FORMATS.find((name) => name === text);
  if (format) return format;
  const message = `expected --format to be one of ${TRACE_FORMATS.join(', ')}, got ${JSON.stringify(text)}`;
  throw new SluiceError('invalid_request', message);
}

function mixOf({ slo, mix }: ReplayFlags): Mix | undefined {
  if (slo !== undefined && mix !== undefined)
    throw new SluiceError('invalid_request', 'expected --slo or --mix, got both');
  if (slo !== undefined) return [{ level: slo, share: 1 }];
  return mix === undefined ? undefined : parseMix(mix);
}

/** Throws `unknown_level` before the first request rather than once for each. */
function checkLevels(config: Config, arrivals: readonly Arrival[]): void {
  const known = new Set(Object.values(config.pools).map((pool) => pool.level));
  const unknown = arrivals.find(({ level }) => level !== undefined && !known.has(level));
  if (unknown === undefined) return;
  throw new SluiceError(
    'unknown_level',
    `expected an SLO level of ${[...known].join(', ')}, got ${JSON.stringify(unknown.level)}`,
  );
}
