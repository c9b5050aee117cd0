import { describe, expect, it } from 'vitest';
import { ClassicArima } from '../../../src/planning/classic/arima-predictor.js';
import { forecastLoss } from '../../../src/planning/classic/forecast-loss.js';
import { ClassicKalman } from '../../../src/planning/classic/kalman.js';
import { makePredictor } from '../../../src/planning/classic/make-predictor.js';
import { mockDecodeMs, mockPrefillMs } from '../../../src/planning/classic/mock-engine.js';
import { ClassicConstant, type ClassicPredictor } from '../../../src/planning/classic/predictors.js';
import { ClassicTraffic } from '../../../src/planning/classic/traffic.js';

const kalman = { qLevel: 1, qTrend: 0.1, r: 10, minPoints: 5, log1p: false, clamp: false };

function told(predictor: ClassicPredictor, data: readonly number[]): ClassicPredictor {
  for (const value of data) predictor.add(value);
  return predictor;
}

function eachNext(predictor: ClassicPredictor, data: readonly number[]): number[] {
  return data.map((value) => told(predictor, [value]).predictNext());
}

describe('the constant predictor', () => {
  it('answers the last value, 0 without any; a value that is no number is an idle interval', () => {
    expect(new ClassicConstant().predictNext()).toBe(0);
    expect(told(new ClassicConstant(), [10, 20, 30]).predictNext()).toBe(30);
    expect(told(new ClassicConstant(), [10, Number.NaN]).predictNext()).toBe(0);
    expect(told(new ClassicConstant(), [10, Number.POSITIVE_INFINITY]).predictNext()).toBe(0);
  });

  it('drops the zeros before the first load and keeps those after', () => {
    expect(told(new ClassicConstant(), [0, 0, 5, 0]).buffer).toEqual([5, 0]);
  });
});

describe('the Kalman predictor', () => {
  it('answers the last value at first, then runs along the trend', () => {
    const next = eachNext(new ClassicKalman(kalman), [10, 12, 14, 16, 18, 20]);
    expect(next.slice(0, 4)).toEqual([10, 12, 14, 16]);
    // As recorded from upstream's filter.
    expect(next[4]).toBeCloseTo(19.9895645109005, 9);
    expect(next[5]).toBeCloseTo(21.993693872702508, 9);
  });

  it('runs below 0 on a falling load unless it is clamped', () => {
    const data = [100, 80, 60, 40, 20, 10, 0, 0];
    expect(Math.min(...eachNext(new ClassicKalman(kalman), data))).toBeLessThan(0);
    expect(Math.min(...eachNext(new ClassicKalman({ ...kalman, clamp: true }), data))).toBe(0);
  });

  it('does not move by being asked twice', () => {
    const predictor = told(new ClassicKalman(kalman), [1, 2, 3, 4, 5]);
    expect(predictor.predictNext()).toBe(predictor.predictNext());
  });
});

describe('the ARIMA predictor', () => {
  const arima = (log1p = false) => new ClassicArima({ log1p });

  it('answers the last value below five, and a constant with itself', () => {
    expect(told(arima(), [3, 9, 4, 7]).predictNext()).toBe(7);
    expect(told(arima(), [0, 8, 8, 8, 8, 8, 8]).predictNext()).toBe(8);
  });

  it('follows a ramp, and an alternation', () => {
    const ramp = Array.from({ length: 30 }, (_, i) => 100 + 10 * i + (i % 3));
    expect(told(arima(), ramp).predictNext()).toBeGreaterThan(385);
    expect(told(arima(), ramp).predictNext()).toBeLessThan(415);
    const wave = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 50 : 150) + ((i * 7) % 5));
    expect(told(arima(), wave).predictNext()).toBeLessThan(80);
  });

  it('stays finite and never below 0, whatever it is told', () => {
    const cases = [
      [100, 50, 25, 12, 6, 3, 1, 0, 0, 0],
      [1, 0, 0, 0, 0, 0, 900, 0, 0, 0],
      [5, 5, 5, 5, 6],
      Array.from({ length: 25 }, (_, i) => 2 ** i),
    ];
    for (const data of cases) {
      for (const next of eachNext(arima(), data)) {
        expect(Number.isFinite(next)).toBe(true);
        expect(next).toBeGreaterThanOrEqual(0);
      }
    }
  });
});

describe('the Prophet window', () => {
  it('keeps its last values, answers the last one below five and refuses beyond', () => {
    const make = () => makePredictor({ kind: 'prophet', log1p: false, kalman, windowSize: 6 });
    expect(told(make(), [0, 10, 20, 30]).predictNext()).toBe(30);
    expect(told(make(), [1, 2, 3, 4, 5, 6, 7]).buffer).toEqual([2, 3, 4, 5, 6, 7]);
    expect(() => told(make(), [1, 2, 3, 4, 5]).predictNext()).toThrow('not part of classic mode');
  });
});

describe('traffic', () => {
  const traffic = () => new ClassicTraffic(() => new ClassicConstant());

  it('carries the request shape over idle windows', () => {
    const seen = traffic();
    seen.observe({ requests: 10, isl: 512, osl: 128 });
    seen.observe({ requests: 0, isl: 0, osl: 0 });
    expect(seen.requests.buffer).toEqual([10, 0]);
    expect(seen.predictNext()).toEqual({ requests: 0, isl: 512, osl: 128 });
  });

  it('learns no shape from idle windows before the first request, nor from NaN', () => {
    const seen = traffic();
    seen.observe({ requests: 0, isl: 0, osl: 0 });
    seen.observe({ requests: 5, isl: Number.NaN, osl: 3 });
    expect([seen.isl.buffer, seen.osl.buffer]).toEqual([[], [3]]);
  });
});

describe('loss and mock engine', () => {
  it('weighs tokens by 0.4 and lengths by 0.1, in logarithms', () => {
    // Only the ISL is off: 0.4 e(200, 100) + 0.1 e(200, 100).
    const e = Math.log(201 / 101);
    const actual = { requests: 1, isl: 100, osl: 10 };
    expect(forecastLoss({ requests: 1, isl: 200, osl: 10 }, actual)).toBeCloseTo(0.5 * e, 12);
    expect(forecastLoss({ requests: -1, isl: 100, osl: 10 }, { ...actual, requests: 0 })).toBe(0);
  });

  it('has the published polynomials', () => {
    expect(mockPrefillMs(1000)).toBeCloseTo(0.4209989 + 15.18344 + 16.50142, 9);
    expect(mockPrefillMs(0)).toBe(0);
    expect(mockDecodeMs(0.5)).toBeCloseTo(26.31, 9);
    expect(mockDecodeMs(-1)).toBe(1);
  });
});
