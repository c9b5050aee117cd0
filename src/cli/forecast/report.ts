import type { Backtest, Window } from '../../forecast/backtest/backtest.js';
import { PROBABILITIES } from '../../forecast/backtest/losses.js';
import type { TraceFacts } from '../../simulator/traces/read.js';
import { alignedTable } from '../report/table.js';

/** A series that was forecast. */
export interface SeriesFacts {
  source: string;
  binSeconds: number;
  bins: number;
  /** Requests/s. */
  meanRps: number;
  peakRps: number;
  /** Variance over mean of the counts of one bin about their neighbours, by second differences; 1: Poisson. Null: no load. */
  dispersion: number | null;
}

export interface ForecastReport {
  series: SeriesFacts;
  traces: readonly TraceFacts[];
  windows: readonly Window[];
  results: readonly Backtest[];
}

export function seriesFacts(source: string, series: readonly number[], binSeconds: number): SeriesFacts {
  const sum = series.reduce((total, rate) => total + rate, 0);
  let squares = 0;
  for (let t = 2; t < series.length; t++)
    squares += ((series[t] ?? 0) - 2 * (series[t - 1] ?? 0) + (series[t - 2] ?? 0)) ** 2 / 6;
  return {
    source,
    binSeconds,
    bins: series.length,
    meanRps: sum / series.length,
    peakRps: series.reduce((most, rate) => Math.max(most, rate), 0),
    dispersion: sum > 0 ? (squares / (series.length - 2) / (sum / series.length)) * binSeconds : null,
  };
}

/** `sluice forecast --json`; seconds, and requests/s. */
export function reportJson({ series, traces, windows, results }: ForecastReport) {
  return {
    series,
    traces,
    models: results.map(({ model, losses, planMs, planMsP99, stateBytes }) => ({
      model,
      planMs,
      planMsP99,
      stateBytes,
      windows: losses.map((loss, k) => ({
        fromSeconds: ((windows[k]?.from ?? 1) - 1) * series.binSeconds,
        toSeconds: (windows[k]?.to ?? 1) * series.binSeconds,
        windows: loss.windows,
        meanActual: loss.meanActual,
        mae: loss.mae,
        mase: loss.mase,
        bias: loss.bias,
        pinball: byProbability(loss.pinball),
        coverage: byProbability(loss.coverage),
      })),
    })),
  };
}

function byProbability(values: readonly number[]): Record<string, number> {
  return Object.fromEntries(PROBABILITIES.map((p, i) => [String(p), values[i] ?? 0]));
}

/** Characters of a line of blocks. */
const SPARK_WIDTH = 72;
const BLOCKS = '▁▂▃▄▅▆▇█';

/** The report for a reader: the series, then a table for each window. */
export function renderForecast(report: ForecastReport, rates: readonly number[]): string {
  const { series, windows, results } = report;
  const hours = (series.bins * series.binSeconds) / 3600;
  const lines = [
    `${series.source}: ${series.bins} bins of ${series.binSeconds} s (${fixed(hours, 1)} h), mean ${fixed(series.meanRps, 2)} ` +
      `requests/s, peak ${fixed(series.peakRps, 2)}, dispersion of a bin ${fixed(series.dispersion, 1)}`,
    `  rate  ${sparkline(rates, series.peakRps)}`,
  ];
  for (const [k, { from, to }] of windows.entries()) {
    const seconds = `${(from - 1) * series.binSeconds} to ${to * series.binSeconds} s`;
    lines.push('', `largest rate of a bin, ${seconds} ahead (% of the mean rate unless said):`);
    lines.push(...alignedTable(windowRows(results, k, series.meanRps)));
  }
  return `${lines.join('\n')}\n`;
}

function windowRows(results: readonly Backtest[], window: number, meanRps: number): string[][] {
  const head = [
    'model',
    'MAE',
    'MASE',
    'bias',
    'pinball 0.5',
    '0.9',
    '0.95',
    'coverage 0.5',
    '0.9',
    '0.95',
    '0.99',
  ];
  const share = (value: number, digits: number) =>
    fixed(meanRps > 0 ? (100 * value) / meanRps : null, digits);
  const rows = results.map(({ model, losses, planMs, stateBytes }) => {
    const loss = losses[window];
    if (loss === undefined) return [model];
    return [
      model,
      share(loss.mae, 2),
      fixed(loss.mase, 3),
      share(loss.bias, 2),
      ...loss.pinball.slice(0, 3).map((value) => share(value, 3)),
      ...loss.coverage.map((value) => fixed(100 * value, 1)),
      fixed(planMs, 3),
      fixed(stateBytes / 1024, 1),
    ];
  });
  return [[...head, 'CPU ms a plan', 'state KiB'], ...rows];
}

/** Means of even parts of a series, as blocks from 0 to `high`. */
export function sparkline(values: readonly number[], high: number): string {
  const width = Math.min(SPARK_WIDTH, values.length);
  return Array.from({ length: width }, (_, i) => {
    const part = values.slice(
      Math.floor((i * values.length) / width),
      Math.floor(((i + 1) * values.length) / width),
    );
    const mean = part.reduce((sum, value) => sum + value, 0) / Math.max(1, part.length);
    const level = high > 0 ? Math.floor((mean / high) * BLOCKS.length) : 0;
    return BLOCKS[Math.min(BLOCKS.length - 1, level)] ?? '';
  }).join('');
}

function fixed(value: number | null, digits: number): string {
  return value === null ? '-' : value.toFixed(digits);
}
