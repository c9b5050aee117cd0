import { basename } from 'node:path';
import { Command } from 'commander';
import { longestColdStart } from '../config/cold-start.js';
import { loadConfig } from '../config/load.js';
import { SluiceError } from '../contract/errors.js';
import type { TransitionRecord } from '../contract/transition.js';
import { type OpenScenario, openScenario, scenarioOf } from '../simulator/open/scenario.js';
import { simulate } from '../simulator/run/simulate.js';
import { TRACE_FORMATS } from '../simulator/traces/read.js';
import { jsonLines } from './explain/command.js';
import { profileNotes } from './profile-problems.js';
import { numberOption, seedOption } from './report/options.js';
import { checkOutput, writeOutput } from './report/output.js';
import { renderReport } from './report/render.js';
import { seriesText, simulatedPage, simulatedReport } from './report/simulated.js';
import { noteTraces } from './report/trace-notes.js';
import { traceScenario } from './report/trace-scenario.js';

interface SimulateFlags {
  format?: string;
  slo?: string;
  mix?: string;
  speed: string;
  rateScale: string;
  minutes?: string;
  seed?: string;
  config?: string;
  coldStart?: string;
  skipBad?: boolean;
  maxGap?: string;
  json?: boolean;
  series?: string;
  records?: string;
  report?: string;
}

/** A progress line at most so often, ms. */
const PROGRESS_MS = 2000;

/** `sluice simulate TRACE|SCENARIO.yaml`: what the system would have done, in virtual time. */
export function simulateCommand(): Command {
  return new Command('simulate')
    .description(
      'simulate the whole system on a trace or a scenario, in virtual time, and report as replay does',
    )
    .argument('<file>', 'trace file (with --format), or scenario (.yaml; docs/simulator.md)')
    .option('--format <format>', `of a trace: one of ${TRACE_FORMATS.join(', ')}`)
    .option('--slo <level>', 'SLO level of requests that name none')
    .option(
      '--mix <shares>',
      'draw the level by seed, as in high=.5,medium=.3,low=.2; shares are scaled to add up to 1',
    )
    .option('--speed <x>', 'divide time by x', '1')
    .option('--rate-scale <x>', 'thin (below 1) or multiply (above 1) arrivals by seed, times unchanged', '1')
    .option('--minutes <n>', 'take only the first n minutes of the trace')
    .option('--seed <n>', "seed of levels, thinning and drawn arrivals (default: 1, or the scenario's)")
    .option('-c, --config <file>', 'configuration file')
    .option('--cold-start <seconds>', 'cold start of every engine, instead of the configured one')
    .option('--skip-bad', 'leave broken rows out and count them')
    .option('--max-gap <seconds>', 'shorten longer times without a row, in seconds of the trace')
    .option('--series <file>', 'write the time series there: CSV, or JSON for a name that ends in .json')
    .option('--records <file>', "write every planner's decision records there, one a line (see explain)")
    .option('--report <file>', 'write the run as one HTML page with its time lines')
    .option('--json', 'print the report as JSON (docs/report.md)')
    .action((file: string, flags: SimulateFlags) => {
      process.exitCode = run(file, flags);
    });
}

/** @returns the exit code: 0 if no request was lost. */
function run(file: string, flags: SimulateFlags): number {
  for (const output of [flags.records, flags.report, flags.series])
    if (output !== undefined) checkOutput(output);
  const { options, traces } = /\.ya?ml$/.test(file) ? openFile(file, flags) : openTrace(file, flags);
  const startedMs = Date.now();
  let toldMs = startedMs;
  const note = (line: string) => process.stderr.write(`simulate: ${line}\n`);
  const factsOf = () => traces.map((trace) => trace.facts());
  let gapsTold = false;
  for (const told of profileNotes(options.config)) note(told);
  const decisions: TransitionRecord[] = [];
  /** By pool, the newest. */
  const outOfReach = new Map<string, unknown>();
  const result = simulate({
    ...options,
    onDecision: (record) => {
      if (flags.records !== undefined) decisions.push(record);
      const infeasible = record.basis?.facts?.infeasible;
      if (infeasible !== undefined) outOfReach.set(record.pool, infeasible);
    },
    onProgress: ({ atSeconds, requests, open }) => {
      if (Date.now() - toldMs < PROGRESS_MS) return;
      toldMs = Date.now();
      const rate = (requests / (toldMs - startedMs)) * 1000;
      note(
        `${(atSeconds / 3600).toFixed(2)} h, ${requests} requests, ${open} open, ${rate.toFixed(0)} requests/s`,
      );
      // A gap takes long to get through: it is told while that lasts, and with all else at the end.
      if (gapsTold || factsOf().every(({ gaps }) => gaps.length === 0)) return;
      gapsTold = true;
      noteTraces(factsOf(), note);
    },
  });
  const seconds = (Date.now() - startedMs) / 1000;
  const facts = factsOf();
  noteTraces(facts, note);
  for (const [pool, why] of outOfReach) note(`${pool}: ${why}`);
  const report = simulatedReport(options.config, result);
  if (report.total.requests === 0)
    throw new SluiceError('invalid_request', `${file}: expected at least one request, got none`);
  const coldStartSeconds = longestColdStart(Object.values(options.config.pools));
  note(
    `${report.total.requests} requests in ${seconds.toFixed(1)} s, ${result.events} events; cold start ${coldStartSeconds} s`,
  );
  if (flags.records !== undefined) writeOutput(flags.records, jsonLines(decisions));
  if (flags.report !== undefined)
    writeOutput(flags.report, simulatedPage(basename(file), options.config, result));
  if (flags.series !== undefined) writeOutput(flags.series, seriesText(result, flags.series));
  const text =
    flags.json === true
      ? `${JSON.stringify({ ...report, coldStartSeconds, traces: facts }, null, 2)}\n`
      : renderReport(report, options.config);
  process.stdout.write(text);
  return report.total.lost === 0 ? 0 : 1;
}

function openFile(file: string, flags: SimulateFlags): OpenScenario {
  for (const name of ['format', 'slo', 'mix', 'minutes', 'coldStart', 'skipBad', 'maxGap'] as const)
    if (flags[name] !== undefined) throw onlyForTraces(name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`));
  for (const name of ['speed', 'rateScale'] as const)
    if (flags[name] !== '1') throw onlyForTraces(name === 'speed' ? name : 'rate-scale');
  return openScenario(file, {
    ...(flags.config === undefined ? {} : { config: loadConfig(flags.config) }),
    ...(flags.seed === undefined ? {} : { seed: seedOption(flags.seed) }),
  });
}

function onlyForTraces(flag: string): SluiceError {
  return new SluiceError('invalid_request', `expected no --${flag} beside a scenario, which says so itself`);
}

function openTrace(file: string, flags: SimulateFlags): OpenScenario {
  const format = TRACE_FORMATS.find((name) => name === flags.format);
  if (format === undefined) {
    const got = flags.format === undefined ? 'none' : JSON.stringify(flags.format);
    const message = `expected --format to be one of ${TRACE_FORMATS.join(', ')} (or a scenario .yaml), got ${got}`;
    throw new SluiceError('invalid_request', message);
  }
  if (flags.slo !== undefined && flags.mix !== undefined)
    throw new SluiceError('invalid_request', 'expected --slo or --mix, got both');
  const fields = traceScenario({
    arrivals: [
      {
        trace: file,
        format,
        ...(flags.slo === undefined ? {} : { level: flags.slo }),
        ...(flags.mix === undefined ? {} : { mix: flags.mix }),
        ...(flags.skipBad === true ? { skip_bad: true } : {}),
        ...(flags.maxGap === undefined ? {} : { max_gap_seconds: numberOption('--max-gap', flags.maxGap) }),
        ...(flags.minutes === undefined ? {} : { minutes: numberOption('--minutes', flags.minutes) }),
        speed: numberOption('--speed', flags.speed),
        rate_scale: numberOption('--rate-scale', flags.rateScale),
      },
    ],
    seed: flags.seed === undefined ? 1 : seedOption(flags.seed),
    ...(flags.coldStart === undefined
      ? {}
      : { cold_start_seconds: numberOption('--cold-start', flags.coldStart) }),
  });
  return scenarioOf(
    fields,
    'simulate',
    flags.config === undefined ? {} : { config: loadConfig(flags.config) },
  );
}
