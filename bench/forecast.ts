import { backtest } from '../src/forecast/backtest/backtest.js';
import { createForecaster, forecasterStateOf } from '../src/forecast/create-forecaster.js';
import { BIN_SECONDS, benchSeries } from './forecast/series.js';

const MODELS = ['constant', 'linear', 'arima', 'kalman', 'seasonal', 'combined'] as const;
/** 120 s of cold start and the bin after. */
const WINDOW = { from: 1, to: 5 };
const WARMUP_BINS = 20;
/** Issue 3: a plan in 0.3 ms; the combination near the best, its 0.9 and 0.95 quantiles within 3 points. */
const REACH = { planMs: 0.3, overBest: 1.05, points: 3 };
/** Windows below which the best of five is best by chance, as in the hour of 91: twice as far from it is near. */
const FEW = 1000;

export interface ForecastRow {
  series: string;
  model: string;
  windows: number;
  /** Shares of the mean rate. */
  mae: number;
  bias: number;
  pinball90: number;
  pinball95: number;
  mase: number | null;
  coverage90: number;
  coverage95: number;
  /** CPU time, so that other processes of the machine do not count. */
  planMs: number;
  /** Only the combination is judged. */
  reached: boolean;
}

export interface ForecastBenchOptions {
  seed: number;
  note: (line: string) => void;
}

/** The load predictors on series of several kinds, each compared with the best single one in the same run. */
export function forecast({ seed, note }: ForecastBenchOptions): { rows: ForecastRow[]; text: string } {
  const rows: ForecastRow[] = [];
  for (const [series, make] of Object.entries(benchSeries(seed))) {
    const rates = make();
    const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length;
    const own: ForecastRow[] = [];
    for (const model of MODELS) {
      note(`${series}: ${model}, ${rates.length} bins`);
      const result = backtest(model, rates, {
        binSeconds: BIN_SECONDS,
        windows: [WINDOW],
        warmupBins: WARMUP_BINS,
        clock: cpuMs,
      });
      const [loss] = result.losses;
      if (loss === undefined) continue;
      own.push({
        series,
        model,
        windows: loss.windows,
        mae: loss.mae / mean,
        bias: loss.bias / mean,
        mase: loss.mase,
        pinball90: (loss.pinball[1] ?? 0) / mean,
        pinball95: (loss.pinball[2] ?? 0) / mean,
        coverage90: loss.coverage[1] ?? 0,
        coverage95: loss.coverage[2] ?? 0,
        planMs: result.planMs,
        reached: true,
      });
    }
    const combined = own.at(-1);
    if (combined !== undefined) combined.reached = isReached(combined, own.slice(0, -1));
    rows.push(...own);
  }
  return { rows, text: `${render(rows)}\n${stateText(seed)}` };
}

function isReached(combined: ForecastRow, singles: readonly ForecastRow[]): boolean {
  const overBest = combined.windows < FEW ? 2 * REACH.overBest - 1 : REACH.overBest;
  const near = (value: (row: ForecastRow) => number) =>
    value(combined) <= overBest * Math.min(...singles.map(value));
  // Of few windows a share is uncertain by itself.
  const unsure = (p: number) => 100 * Math.sqrt((p * (1 - p)) / combined.windows);
  const covers = (share: number, p: number) => Math.abs(100 * (share - p)) <= REACH.points + unsure(p);
  return (
    near(({ mae }) => mae) &&
    near(({ pinball90, pinball95 }) => pinball90 + pinball95) &&
    covers(combined.coverage90, 0.9) &&
    covers(combined.coverage95, 0.95) &&
    // The hour is over before the code has been compiled.
    (combined.planMs <= REACH.planMs || combined.windows < FEW)
  );
}

function render(rows: readonly ForecastRow[]): string {
  const head = [
    'series',
    'model',
    'MAE %',
    'MASE',
    'bias %',
    'pin 0.9 %',
    'pin 0.95 %',
    'cov 0.9',
    'cov 0.95',
    'CPU ms',
    '',
  ];
  const percent = (value: number, digits: number) => (100 * value).toFixed(digits);
  const lines = rows.map((row) => [
    row.series,
    row.model,
    percent(row.mae, 2),
    row.mase?.toFixed(3) ?? '-',
    percent(row.bias, 2),
    percent(row.pinball90, 3),
    percent(row.pinball95, 3),
    percent(row.coverage90, 1),
    percent(row.coverage95, 1),
    row.planMs.toFixed(3),
    row.model === 'combined' ? (row.reached ? 'reached' : 'MISSED') : '',
  ]);
  const widths = head.map((_, i) => Math.max(...[head, ...lines].map((line) => line[i]?.length ?? 0)));
  return [head, ...lines]
    .map((line) =>
      line.map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  '),
    )
    .map((line) => line.trimEnd())
    .join('\n');
}

/** What it costs to put a forecaster away and to take it up again, after a day. */
function stateText(seed: number): string {
  const rates = (benchSeries(seed)['code week']?.() ?? []).slice(0, DAY_BINS);
  const forecaster = createForecaster('combined', { binSeconds: BIN_SECONDS });
  for (const rate of rates) forecaster.push(rate);
  const text = JSON.stringify(forecaster.save());
  const began = cpuMs();
  for (let i = 0; i < ROUNDS; i++) JSON.stringify(forecaster.save());
  const saved = cpuMs();
  for (let i = 0; i < ROUNDS; i++) {
    const state = forecasterStateOf(JSON.parse(text), 'combined', { binSeconds: BIN_SECONDS });
    if (state !== null) createForecaster('combined', { binSeconds: BIN_SECONDS }, state);
  }
  const restored = cpuMs();
  const each = (ms: number) => (ms / ROUNDS).toFixed(3);
  return (
    `combined, after a day: state of ${(text.length / 1024).toFixed(1)} KiB, to JSON in ${each(saved - began)} ms, from ` +
    `JSON with its check in ${each(restored - saved)} ms`
  );
}

const DAY_BINS = 2880;
const ROUNDS = 300;

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
