import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LoadPredictorName } from '../../src/config/types.js';
import { createForecaster, forecasterStateOf } from '../../src/forecast/create-forecaster.js';
import type { OnlineForecaster, RateQuantiles } from '../../src/forecast/online.js';
import { drawCounts } from '../../src/simulator/workload/counts.js';

const NAMES: LoadPredictorName[] = ['constant', 'linear', 'arima', 'kalman', 'seasonal', 'combined'];
const PS = [0.001, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];
const BIN = { binSeconds: 30 };

const rates = fc.array(
  fc.oneof(
    fc.constant(null),
    fc.constant(0),
    fc.double({ min: 0, max: 1e9, noNaN: true }),
    fc.double({ min: 0, max: 20, noNaN: true }),
  ),
  { maxLength: 80 },
);

function told(name: LoadPredictorName, series: readonly (number | null)[]): OnlineForecaster {
  const forecaster = createForecaster(name, BIN);
  for (const rate of series) forecaster.push(rate);
  return forecaster;
}

function figures(forecaster: OnlineForecaster, bins = 6): number[][] {
  const all: (RateQuantiles | null)[] = [
    ...forecaster.forecast(bins),
    forecaster.peak(1, bins),
    forecaster.peak(Math.min(3, bins), bins),
  ];
  return all.map((rate) => (rate === null ? [] : [rate.mean, ...PS.map((p) => rate.quantile(p))]));
}

describe.each(NAMES)('%s', (name) => {
  test('knows nothing before the first count, however many gaps there were', () => {
    expect(told(name, [null, null]).forecast(3)).toEqual([]);
    expect(told(name, []).peak(1, 5)).toBeNull();
  });

  test('carries a steady load on', () => {
    const peak = told(name, Array(60).fill(7)).peak(1, 5);
    expect(peak?.quantile(0.5)).toBeGreaterThan(6.5);
    expect(peak?.quantile(0.5)).toBeLessThan(8);
  });

  test('takes a gap for a gap, not for zero', () => {
    const gaps = told(name, [...Array(40).fill(7), ...Array(10).fill(null)]).forecast(1)[0];
    const idle = told(name, [...Array(40).fill(7), ...Array(10).fill(0)]).forecast(1)[0];
    expect(gaps?.mean).toBeGreaterThan(6);
    expect(idle?.mean).toBeLessThan(1);
  });

  test('is finite, not negative, monotone in p and at most twice the loads seen, whatever came', () => {
    fc.assert(
      fc.property(rates, fc.integer({ min: 1, max: 40 }), (series, bins) => {
        const largest = Math.max(0, ...series.map((rate) => rate ?? 0));
        for (const [mean = 0, ...quantiles] of figures(told(name, series), bins)) {
          for (const value of [mean, ...quantiles]) {
            expect(Number.isFinite(value)).toBe(true);
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(2 * largest + 1);
          }
          expect(quantiles).toEqual([...quantiles].sort((a, b) => a - b));
        }
      }),
      { numRuns: 60 },
    );
  });

  test('goes on from its saved state as if there had been no pause', () => {
    fc.assert(
      fc.property(rates, rates, (before, after) => {
        const kept = told(name, before);
        const state = forecasterStateOf(JSON.parse(JSON.stringify(kept.save())), name, BIN);
        expect(state).not.toBeNull();
        const restored = createForecaster(name, BIN, state!);
        expect(figures(restored)).toEqual(figures(kept));
        for (const rate of after) {
          kept.push(rate);
          restored.push(rate);
        }
        expect(figures(restored)).toEqual(figures(kept));
      }),
      { numRuns: 40 },
    );
  });

  test('refuses what is no rate', () => {
    const forecaster = createForecaster(name, BIN);
    for (const bad of [Number.NaN, -1, Number.POSITIVE_INFINITY])
      expect(() => forecaster.push(bad)).toThrow('expected a rate of 0 or more');
  });
});

test('a step of the load out of a long calm tells of no more than twice what came', () => {
  // Poisson counts of 14 s: 64 bins at 5 requests/s, then 10 at 30.
  const step = (bins: number, rps: number, seed: number) =>
    drawCounts(
      [
        { atSeconds: 0, rps },
        { atSeconds: bins * 14, rps },
      ],
      { binSeconds: 14, seed },
    );
  for (const name of NAMES) {
    const forecaster = createForecaster(name, { binSeconds: 14 });
    let largest = 0;
    for (const rate of [...step(64, 5, 1), ...step(10, 30, 2)]) {
      forecaster.push(rate);
      largest = Math.max(largest, rate);
      for (const rates of forecaster.forecast(5))
        expect(rates.quantile(0.999)).toBeLessThanOrEqual(2 * largest + 1);
    }
  }
});

test('what was seen long ago bounds no more', () => {
  const series = [...Array(30).fill(100), ...Array(2000).fill(5)];
  // 100 x (1 - 1/250)^2000 = 0.03: the newest bins are the largest.
  expect(told('arima', series).forecast(1)[0]?.quantile(0.9999)).toBeLessThanOrEqual(11);
});

test('a state from before the largest rate was kept goes on, without a bound until the next bin', () => {
  const { largest, ...before } = told('kalman', Array(40).fill(7)).save();
  expect(largest).toBe(7);
  const again = createForecaster('kalman', BIN, forecasterStateOf(before, 'kalman', BIN)!);
  expect(again.forecast(1)[0]?.mean).toBeCloseTo(7, 0);
  again.push(8);
  expect(again.save().largest).toBe(8);
});

test('a state of another forecaster, bin or shape is none', () => {
  const state = createForecaster('kalman', BIN).save();
  expect(forecasterStateOf(state, 'kalman', BIN)).not.toBeNull();
  expect(forecasterStateOf(state, 'arima', BIN)).toBeNull();
  expect(forecasterStateOf(state, 'kalman', { binSeconds: 60 })).toBeNull();
  expect(forecasterStateOf({ name: 'kalman' }, 'kalman', BIN)).toBeNull();
  expect(() => createForecaster('arima', BIN, state)).toThrow('expected a state of arima');
});
