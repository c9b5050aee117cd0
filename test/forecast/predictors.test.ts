import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LoadPredictorName } from '../../src/config/types.js';
import { createPredictor } from '../../src/forecast/create.js';
import { binRates, forecastRate } from '../../src/forecast/rate.js';

const NAMES: LoadPredictorName[] = ['constant', 'linear', 'arima'];

function forecast(name: LoadPredictorName, series: (number | null)[], steps: number) {
  const model = createPredictor(name);
  model.fit(series);
  return model.forecast(steps);
}

describe.each(NAMES)('%s', (name) => {
  test('knows nothing of a series without a known value', () => {
    expect(forecast(name, [], 3)).toEqual([]);
    expect(forecast(name, [null, null], 3)).toEqual([]);
  });

  test('carries a steady load on, with no deviation', () => {
    for (const step of forecast(name, Array(20).fill(7), 5)) {
      expect(step.mean).toBeCloseTo(7);
      expect(step.sd).toBeCloseTo(0);
    }
  });

  test('takes a gap for a gap, not for zero', () => {
    const [first] = forecast(name, [7, 7, 7, null, null, 7, 7, null, 7, 7, null], 1);
    expect(first?.mean).toBeCloseTo(7);
  });

  test('stays finite, not negative and within twice the largest load seen, whatever came', () => {
    const value = fc.oneof(fc.constant(null), fc.double({ min: 0, max: 1e12, noNaN: true }));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 60 }), fc.integer({ min: 1, max: 200 }), (series, steps) => {
        const largest = Math.max(0, ...series.map((v) => v ?? 0));
        for (const { mean, sd } of forecast(name, series, steps)) {
          expect(mean).toBeGreaterThanOrEqual(0);
          expect(mean).toBeLessThanOrEqual(2 * largest + 1);
          expect(sd).toBeGreaterThanOrEqual(0);
          expect(Number.isFinite(sd)).toBe(true);
        }
      }),
    );
  });
});

test('constant: the mean of the last five known values', () => {
  // (2 + 4 + 6 + 8 + 10) / 5 = 6, deviation sqrt((16 + 4 + 0 + 4 + 16) / 4) = sqrt(10)
  const [step] = forecast('constant', [100, 2, 4, null, 6, 8, 10], 1);
  expect(step?.mean).toBe(6);
  expect(step?.sd).toBeCloseTo(Math.sqrt(10));
});

test('linear: follows a line', () => {
  // 1, 3, 5, 7 -> 9, 11
  expect(forecast('linear', [1, 3, 5, 7], 2).map(({ mean }) => mean)).toEqual([
    expect.closeTo(9),
    expect.closeTo(11),
  ]);
});

test('arima: growth by a constant factor goes on', () => {
  // log1p rises by ln 1.1 each step: 1 + x = 1.1^t, and d_t is constant, so the drift is ln 1.1.
  const series = Array.from({ length: 20 }, (_, t) => 1.1 ** t - 1);
  const [next] = forecast('arima', series, 1);
  expect(next?.mean).toBeCloseTo(1.1 ** 20 - 1, 6);
});

test('arima: learns that ups follow downs', () => {
  // y alternates, so d_t = -d_(t-1): phi is clamped to -0.95 and the next step goes the other way.
  const series = Array.from({ length: 30 }, (_, t) => (t % 2 === 0 ? 9 : 19));
  const [next, second] = forecast('arima', series, 2);
  expect(next?.mean).toBeLessThan(12);
  expect(second?.mean).toBeGreaterThan(15);
});

test('arima: is less sure of what lies further ahead', () => {
  const series = [5, 7, 6, 9, 8, 6, 7, 9, 10, 8, 7, 9, 11, 9, 8];
  const sds = forecast('arima', series, 4).map(({ sd }) => sd);
  expect(sds).toEqual([...sds].sort((a, b) => a - b));
});

test('bins are cut from the newest second back, and one that is half unknown is unknown', () => {
  expect(binRates([9, 2, 4, null, 6, null, null], 2)).toEqual([3, 6, null]);
  expect(binRates([9, 2, 4, null, 6, null, null], 3)).toEqual([3, null]);
});

test('a rate is forecast from three known bins on, as the largest mean within the horizon', () => {
  expect(forecastRate([1, 2], 'linear', 5)).toBeNull();
  expect(forecastRate([null, 1, 2, 3], 'linear', 3)?.peak).toBeCloseTo(6);
  expect(forecastRate([4, 3, 2], 'linear', 5)?.peak).toBeCloseTo(1);
});
