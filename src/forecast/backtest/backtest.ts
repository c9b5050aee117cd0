import type { LoadPredictorName } from '../../config/types.js';
import { createForecaster } from '../create-forecaster.js';
import { type Losses, LossTally, PROBABILITIES } from './losses.js';

export interface Window {
  /** First and last bin ahead, from 1: what is judged is the largest rate of these. */
  from: number;
  to: number;
}

export interface BacktestOptions {
  binSeconds: number;
  windows: readonly Window[];
  /** Bins at the beginning that are not judged. */
  warmupBins: number;
  /** Keep what was forecast of the first window, for a plot. */
  keepPoints?: boolean;
  /** Milliseconds, any origin: how long a plan takes is measured by it. */
  clock: () => number;
  onProgress?: (share: number) => void;
}

/** What was forecast after a bin, and what came. */
export interface BacktestPoint {
  /** The bin after which it was forecast. */
  bin: number;
  /** Quantiles as in PROBABILITIES. */
  quantiles: number[];
  actual: number;
}

export interface Backtest {
  model: LoadPredictorName;
  /** By window. */
  losses: Losses[];
  /** Mean and 0.99 quantile of the time of a plan: one bin told, and one window forecast by three quantiles. */
  planMs: number;
  planMsP99: number;
  /** Bytes of the saved state, as JSON. */
  stateBytes: number;
  points: BacktestPoint[];
}

/**
 * Tells a forecaster a series bin by bin and, after each, compares what it says of the windows ahead with what came. A
 * window that has a bin that is not known is not judged. Nothing is fitted on what comes later.
 */
export function backtest(
  model: LoadPredictorName,
  series: readonly (number | null)[],
  options: BacktestOptions,
): Backtest {
  const { binSeconds, windows, warmupBins, clock } = options;
  const forecaster = createForecaster(model, {
    binSeconds,
    horizonSeconds: (windows[0]?.to ?? 1) * binSeconds,
  });
  const tallies = windows.map(() => new LossTally());
  const points: BacktestPoint[] = [];
  const times: number[] = [];
  for (const [bin, rate] of series.entries()) {
    for (const [k, { from, to }] of windows.entries()) {
      // The first window with the push makes a plan; others are asked for besides.
      const began = clock();
      if (k === 0) forecaster.push(rate);
      const ahead = forecaster.peak(from, to);
      const quantiles = ahead === null ? [] : PROBABILITIES.map((p) => ahead.quantile(p));
      if (k === 0) times.push(clock() - began);
      if (ahead === null || bin < warmupBins) continue;
      const actual = largest(series, bin + from, bin + to);
      if (actual === null) continue;
      tallies[k]?.add(ahead.mean, quantiles, actual, largest(series, bin - (to - from), bin));
      if (k === 0 && options.keepPoints === true) points.push({ bin, quantiles, actual });
    }
    if (bin % 500 === 0) options.onProgress?.(bin / series.length);
  }
  times.sort((a, b) => a - b);
  return {
    model,
    losses: tallies.map((tally) => tally.losses()),
    planMs: times.reduce((sum, ms) => sum + ms, 0) / Math.max(1, times.length),
    planMsP99: times[Math.floor(0.99 * (times.length - 1))] ?? 0,
    stateBytes: JSON.stringify(forecaster.save()).length,
    points,
  };
}

/** Largest of the bins from `first` to `last`; null where one is not known or lies outside. */
function largest(series: readonly (number | null)[], first: number, last: number): number | null {
  let most = 0;
  for (let bin = first; bin <= last; bin++) {
    const rate = series[bin] ?? null;
    if (rate === null) return null;
    most = Math.max(most, rate);
  }
  return most;
}
