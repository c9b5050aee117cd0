import { describe, expect, test } from 'vitest';
import type { LoadPredictorName } from '../../src/config/types.js';
import { backtest } from '../../src/forecast/backtest/backtest.js';
import { createForecaster } from '../../src/forecast/create-forecaster.js';
import { drawCounts } from '../../src/simulator/workload/counts.js';

const HOUR = 3600;

/** Counts about a rate that is given for every minute. */
function counted(rps: (seconds: number) => number, seconds: number, binSeconds: number, dispersion = 1) {
  const rate = Array.from({ length: seconds / 60 + 1 }, (_, k) => ({ atSeconds: 60 * k, rps: rps(60 * k) }));
  return drawCounts(rate, { binSeconds, seed: 7, dispersion });
}

function judged(
  model: LoadPredictorName,
  series: readonly (number | null)[],
  window: { from: number; to: number },
  warmupBins = 20,
) {
  const options = { binSeconds: 30, windows: [window], warmupBins, clock: () => 0 };
  return backtest(model, series, options).losses[0]!;
}

const daily = (seconds: number) => 20 * (1 + 0.9 * Math.sin((2 * Math.PI * seconds) / (24 * HOUR)));

describe('seasonal', () => {
  test('knows from the third day on how the load will turn, an hour ahead', () => {
    const series = counted(daily, 72 * HOUR, 120);
    const last = (model: LoadPredictorName) => {
      const options = { binSeconds: 120, windows: [{ from: 30, to: 30 }], warmupBins: 1440, clock: () => 0 };
      return backtest(model, series, options).losses[0]!.mae;
    };
    expect(last('seasonal')).toBeLessThan(0.85 * last('kalman'));
  });

  test('does no harm on the first day: it forecasts as without a season', () => {
    const series = counted(daily, 6 * HOUR, 30);
    expect(judged('seasonal', series, { from: 1, to: 5 }).mae).toBeCloseTo(
      judged('kalman', series, { from: 1, to: 5 }).mae,
      6,
    );
  });

  test('keeps its phase through a gap that is told as one', () => {
    const series: (number | null)[] = counted(daily, 80 * HOUR, 60);
    // Four hours without telemetry, from 54 h on; then the load falls until 66 h.
    for (let bin = 54 * 60; bin < 58 * 60; bin++) series[bin] = null;
    const forecaster = createForecaster('seasonal', { binSeconds: 60 });
    for (const rate of series.slice(0, 59 * 60)) forecaster.push(rate);
    const now = daily(59 * HOUR);
    const ahead = forecaster.forecast(60).at(-1)?.mean ?? 0;
    expect(daily(60 * HOUR)).toBeLessThan(0.9 * now);
    expect(ahead).toBeLessThan(0.95 * now);
  });
});

describe('combined', () => {
  const flash = counted((at) => (at % (2 * HOUR) > HOUR ? 20 : 5), 12 * HOUR, 30);
  const bursts = counted(() => 2.57, 12 * HOUR, 30, 13);
  test.each([
    ['steps', flash],
    ['bursts', bursts],
  ])('is near the best of its models on %s', (_, series) => {
    const singles = (['constant', 'linear', 'arima', 'seasonal'] as const).map(
      (model) => judged(model, series, { from: 1, to: 5 }).mae,
    );
    expect(judged('combined', series, { from: 1, to: 5 }).mae).toBeLessThan(1.1 * Math.min(...singles));
  });

  test.each([
    [1, 5],
    [4, 5],
    [9, 16],
  ])('covers what it states of the largest of bins %i to %i', (from, to) => {
    const [, p90 = 0, p95 = 0] = judged('combined', bursts, { from, to }, 60).coverage;
    expect(Math.abs(p90 - 0.9)).toBeLessThan(0.04);
    expect(Math.abs(p95 - 0.95)).toBeLessThan(0.03);
  });

  test('gives one bin far ahead a wider band than the next one', () => {
    const forecaster = createForecaster('combined', { binSeconds: 30 });
    for (const rate of counted((at) => 20 + 10 * Math.sin(at / 1500), 3 * HOUR, 30)) forecaster.push(rate);
    const bands = forecaster.forecast(16).map((rate) => rate.quantile(0.95) - rate.quantile(0.05));
    expect(bands[15]).toBeGreaterThan(1.3 * bands[0]!);
  });

  test('has a first part of its forecast that does not depend on how much is asked for', () => {
    const forecaster = createForecaster('combined', { binSeconds: 30 });
    for (const rate of flash.slice(0, 200)) forecaster.push(rate);
    const short = forecaster.forecast(3).map(({ mean }) => mean);
    const long = forecaster.forecast(40).map(({ mean }) => mean);
    expect(long).toHaveLength(40);
    expect(long.slice(0, 3)).toEqual(short);
  });

  test('expects next to nothing of a pool that has long been idle, and something once requests come', () => {
    const forecaster = createForecaster('combined', { binSeconds: 30 });
    for (let bin = 0; bin < 400; bin++) forecaster.push(0);
    const idle = forecaster.peak(1, 5);
    expect(idle?.mean).toBeLessThan(0.01);
    expect(idle?.quantile(0.95)).toBeLessThan(0.05);
    for (let bin = 0; bin < 4; bin++) forecaster.push(3);
    expect(forecaster.peak(1, 5)?.quantile(0.5)).toBeGreaterThan(2);
  });
});

test('a plan costs little and the state stays small, however long it runs', () => {
  const forecaster = createForecaster('combined', { binSeconds: 30 });
  const size = () => JSON.stringify(forecaster.save()).length;
  const series = counted(daily, 24 * HOUR, 30);
  const { user: began } = process.cpuUsage();
  for (const rate of series) {
    forecaster.push(rate);
    forecaster.peak(4, 5)?.quantile(0.9);
  }
  const ms = (process.cpuUsage().user - began) / 1000 / series.length;
  // 0.2 ms is usual; the limit leaves room for slow machines.
  expect(ms).toBeLessThan(2);
  expect(size()).toBeLessThan(40_000);
});
