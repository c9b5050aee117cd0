import { basename } from 'node:path';
import { Command } from 'commander';
import type { LoadPredictorName } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { backtest, type Window } from '../forecast/backtest/backtest.js';
import { TRACE_FORMATS } from '../simulator/traces/read.js';
import { plotForecast, plotPage } from './forecast/plot.js';
import { type ForecastReport, renderForecast, reportJson, seriesFacts } from './forecast/report.js';
import { MODELS, RATES, readSeries } from './forecast/series.js';
import { numberOption, seedOption, zeroOrMore } from './report/options.js';
import { checkOutput, writeOutput } from './report/output.js';
import { noteTraces } from './report/trace-notes.js';

interface ForecastFlags {
  format?: string;
  bin: string;
  horizon: string;
  after: string;
  models: string;
  minutes?: string;
  warmup: string;
  slo?: string;
  rateScale: string;
  seed?: string;
  dispersion: string;
  skipBad?: boolean;
  maxGap?: string;
  json?: boolean;
  plot?: string;
}

/** A progress line at most so often, ms. */
const PROGRESS_MS = 2000;
/** Bins of a series, and of a horizon, at most: a year of 10 s, and a day. */
const MOST_BINS = 3_200_000;
const MOST_AHEAD = 8640;

const EXAMPLES = `
Examples:
  sluice forecast conv.csv --format azure
  sluice forecast rpm.csv --format rates --seed 2 --models arima,combined --plot week.svg
  sluice forecast bench/scenarios/code-week.yaml --horizon 150,600 --after 120 --json

Exit codes: 0 done, 2 wrong input, 4 no such file.`;

/** `sluice forecast TRACE`: how the load predictors would have done on some traffic. */
export function forecastCommand(): Command {
  return new Command('forecast')
    .description('backtest the load predictors on a trace, a scenario or a series of rates')
    .argument('<file>', 'trace or CSV of rates (with --format), or scenario (.yaml)')
    .option('--format <format>', `one of ${[...TRACE_FORMATS, RATES].join(', ')}`)
    .option('--bin <seconds>', 'length of a bin', '30')
    .option('--horizon <seconds>', 'how far ahead, one or several as in 150,600', '150')
    .option('--after <seconds>', 'judge only bins from so far ahead on, such as a cold start', '0')
    .option('--models <names>', `comma-separated, of ${MODELS.join(', ')}`, MODELS.join(','))
    .option('--minutes <n>', 'take only the first n minutes')
    .option('--warmup <seconds>', 'do not judge forecasts made before', '600')
    .option('--slo <level>', 'only requests of this SLO level')
    .option('--rate-scale <x>', 'thin (below 1) or multiply (above 1) arrivals by seed', '1')
    .option(
      '--seed <n>',
      "seed of thinning and of counts drawn around rates (default: the scenario's, else 1)",
    )
    .option('--dispersion <d>', 'of counts drawn around rates: 1 Poisson, 0 the rates as they are', '1')
    .option('--skip-bad', 'leave broken rows out and count them')
    .option('--max-gap <seconds>', 'shorten longer times without a row, in seconds of the trace')
    .option('--json', 'print the report as JSON (docs/forecast.md)')
    .option('--plot <file>', 'write series and forecasts there: .svg, or .html with the tables')
    .addHelpText('after', EXAMPLES)
    .action((file: string, flags: ForecastFlags) => run(file, flags));
}

function run(file: string, flags: ForecastFlags): void {
  const note = (line: string) => process.stderr.write(`forecast: ${line}\n`);
  const binSeconds = numberOption('--bin', flags.bin);
  const windows = windowsOf(flags, binSeconds);
  const models = modelsOf(flags.models);
  if (flags.plot !== undefined && !/\.(svg|html)$/.test(flags.plot))
    throw wrong('--plot to end in .svg or .html', flags.plot);
  if (flags.plot !== undefined) checkOutput(flags.plot);
  const { rates, traces } = readSeries({
    file,
    format: flags.format,
    binSeconds,
    seed: flags.seed === undefined ? undefined : seedOption(flags.seed),
    dispersion: dispersionOf(flags.dispersion),
    rateScale: numberOption('--rate-scale', flags.rateScale),
    maxSeconds:
      flags.minutes === undefined ? Number.POSITIVE_INFINITY : 60 * numberOption('--minutes', flags.minutes),
    level: flags.slo,
    skipBad: flags.skipBad === true,
    maxGapSeconds: flags.maxGap === undefined ? undefined : numberOption('--max-gap', flags.maxGap),
    note,
  });
  noteTraces(traces, note);
  const warmupBins = Math.ceil(zeroOrMore('--warmup', flags.warmup) / binSeconds);
  checkLength(rates, warmupBins + Math.max(...windows.map(({ to }) => to)) + 1, binSeconds);
  let toldMs = Date.now();
  const results = models.map((model) =>
    backtest(model, rates, {
      binSeconds,
      windows,
      warmupBins,
      keepPoints: flags.plot !== undefined,
      clock: cpuMs,
      onProgress: (share) => {
        if (Date.now() - toldMs < PROGRESS_MS) return;
        toldMs = Date.now();
        note(`${model}, ${(100 * share).toFixed(0)} % of ${rates.length} bins`);
      },
    }),
  );
  const report: ForecastReport = {
    series: seriesFacts(basename(file), rates, binSeconds),
    traces,
    windows,
    results,
  };
  if (flags.plot !== undefined)
    writeOutput(flags.plot, flags.plot.endsWith('.html') ? plotPage(report, rates) : plotForecast(report));
  const text =
    flags.json === true ? `${JSON.stringify(reportJson(report), null, 2)}\n` : renderForecast(report, rates);
  process.stdout.write(text);
}

function windowsOf(flags: ForecastFlags, binSeconds: number): Window[] {
  const from = Math.floor(zeroOrMore('--after', flags.after) / binSeconds + 1e-9) + 1;
  return flags.horizon.split(',').map((text) => {
    const to = Math.ceil(numberOption('--horizon', text) / binSeconds - 1e-9);
    if (to < from || to > MOST_AHEAD)
      throw wrong(`--horizon to be ${from} to ${MOST_AHEAD} bins of ${binSeconds} s ahead`, `${text} s`);
    return { from, to };
  });
}

function dispersionOf(text: string): number {
  const value = zeroOrMore('--dispersion', text);
  if (value === 0 || value >= 1) return value;
  throw wrong('--dispersion to be 0, 1 or more', text);
}

function modelsOf(text: string): LoadPredictorName[] {
  return text.split(',').map((part) => {
    const model = MODELS.find((name) => name === part.trim());
    if (model === undefined) throw wrong(`--models to be of ${MODELS.join(', ')}`, part.trim());
    return model;
  });
}

function checkLength(rates: readonly number[], least: number, binSeconds: number): void {
  if (rates.length > MOST_BINS)
    throw new SluiceError(
      'invalid_request',
      `expected at most ${MOST_BINS} bins, got ${rates.length}: take a longer --bin, or part of it by --minutes`,
    );
  if (rates.length < least)
    throw new SluiceError(
      'invalid_request',
      `expected at least ${least} whole bins of ${binSeconds} s (warm-up and horizon), got ${rates.length}: take a ` +
        'shorter --bin, --warmup or --horizon, or a longer trace',
    );
}

function wrong(expected: string, got: string): SluiceError {
  return new SluiceError('invalid_request', `expected ${expected}, got ${JSON.stringify(got)}`);
}

/** CPU time: what else the machine does is no cost of a plan. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
