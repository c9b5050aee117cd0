import { describe, expect, it } from 'vitest';
import { differencingOrder } from '../../../src/forecast/arima/differencing.js';
import { largestInverseRoot } from '../../../src/forecast/arima/roots.js';
import { fitArima, forecastArima } from '../../../src/planning/classic/arima/fit.js';
import { searchArima } from '../../../src/planning/classic/arima/search.js';

/** R's `lh`: luteinizing hormone of a woman every 10 minutes (Diggle 1990). */
const LH = [
  ...[2.4, 2.4, 2.4, 2.2, 2.1, 1.5, 2.3, 2.3, 2.5, 2.0, 1.9, 1.7, 2.2, 1.8, 3.2, 3.2, 2.7, 2.2, 2.2, 1.9],
  ...[1.9, 1.8, 2.7, 3.0, 2.3, 2.0, 2.0, 2.9, 2.9, 2.7, 2.7, 2.3, 2.6, 2.4, 1.8, 1.7, 1.5, 1.4, 2.1, 3.3],
  ...[3.5, 3.5, 3.1, 2.6, 2.1, 3.4, 3.0, 2.9],
];

describe('exact maximum likelihood', () => {
  // As R's arima(lh, order = ...) prints them.
  it.each([
    [1, 0, [0.5739], [], 2.4133, 64.76],
    [3, 0, [0.6448, -0.0634, -0.2198], [], 2.3931, 64.18],
    [1, 1, [0.4522], [0.1982], 2.4101, 65.52],
  ])('agrees with R on lh for ARMA(%i, %i)', (p, q, ar, ma, mean, aic) => {
    const fit = fitArima(LH, { p, d: 0, q, intercept: true });
    ar.forEach((value, i) => {
      expect(fit.model.ar[i]).toBeCloseTo(value, 3);
    });
    ma.forEach((value, i) => {
      expect(fit.model.ma[i]).toBeCloseTo(value, 3);
    });
    expect(fit.model.mean).toBeCloseTo(mean, 3);
    expect(fit.aic).toBeCloseTo(aic, 2);
  });

  it('forecasts an AR(1) by its recursion', () => {
    const fit = fitArima(LH, { p: 1, d: 0, q: 0, intercept: true });
    const { ar, mean } = fit.model;
    expect(forecastArima(LH, fit)).toBeCloseTo(mean + (ar[0] ?? 0) * (2.9 - mean), 9);
  });

  it('goes on along a line and a parabola after differencing', () => {
    const line = [3, 5, 7, 9, 11];
    const parabola = [1, 4, 9, 16, 25, 36];
    expect(forecastArima(line, fitArima(line, { p: 0, d: 1, q: 0, intercept: true }))).toBeCloseTo(13, 9);
    expect(forecastArima(parabola, fitArima(parabola, { p: 0, d: 2, q: 0, intercept: true }))).toBeCloseTo(
      49,
      9,
    );
  });
});

describe('order selection', () => {
  it('differences a walk, not a stationary series', () => {
    let level = 0;
    const walk = Array.from({ length: 60 }, (_, i) => {
      level += Math.sin(i * 12.9898) > -0.3 ? 1 : -0.5;
      return level;
    });
    expect(differencingOrder(LH, 2)).toBe(0);
    expect(differencingOrder(walk, 2)).toBe(1);
    expect(differencingOrder([4, 4, 4, 4], 2)).toBe(0);
  });

  it('finds an order at least as good by AIC as the plain ones', () => {
    const best = searchArima(LH);
    for (const [p, q] of [
      [0, 0],
      [1, 0],
      [0, 1],
    ] as const) {
      expect(best.aic).toBeLessThanOrEqual(fitArima(LH, { p, d: 0, q, intercept: true }).aic);
    }
  });

  it('knows how near to a unit root a polynomial is', () => {
    expect(largestInverseRoot([0.5])).toBeCloseTo(0.5, 9);
    // (1 - 0.9 z)(1 + 0.2 z) = 1 - 0.7 z - 0.18 z^2.
    expect(largestInverseRoot([0.7, 0.18])).toBeCloseTo(0.9, 9);
    // 1 - z + 0.64 z^2: complex roots of modulus 0.8.
    expect(largestInverseRoot([1, -0.64])).toBeCloseTo(0.8, 9);
    expect(largestInverseRoot([0, 0])).toBe(0);
  });
});
