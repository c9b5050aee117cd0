import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseArima } from '../../../src/forecast/arima/choose.js';
import { fitCss } from '../../../src/forecast/arima/css.js';
import { solveSymmetric } from '../../../src/forecast/arima/solve.js';
import { ArimaModel } from '../../../src/forecast/models/arima.js';
import { drawCounts } from '../../../src/simulator/workload/counts.js';
import { seededRandom } from '../../../src/simulator/workload/random.js';

/** w_t = phi w_{t-1} + e_t + theta e_{t-1} with standard normal e. */
function arma(phi: number, theta: number, n: number): Float64Array {
  const random = seededRandom(2, 'arma');
  const w = new Float64Array(n);
  let before = 0;
  for (let t = 0; t < n; t++) {
    const e = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    w[t] = phi * (w[t - 1] ?? 0) + e + theta * before;
    before = e;
  }
  return w;
}
const all = (n: number) => new Uint8Array(n).fill(1);

describe('conditional least squares', () => {
  test('finds the coefficients that made a series', () => {
    // Standard errors with n = 2000: 0.02 and 0.03, a third of what is let pass.
    const fit = fitCss(arma(0.7, 0.3, 2000), all(2000), { p: 1, q: 1, mean: true }, 2);
    expect(fit?.arma.ar[0]).toBeCloseTo(0.7, 1);
    expect(fit?.arma.ma[0]).toBeCloseTo(0.3, 1);
    expect(fit?.variance).toBeCloseTo(1, 1);
  });

  test('takes nothing from values that are not known', () => {
    const w = arma(0.7, 0, 1000);
    const known = all(1000);
    for (let t = 500; t < 520; t++) known[t] = 0;
    const kept = fitCss(w, known, { p: 0, q: 0, mean: true }, 0);
    for (let t = 500; t < 520; t++) w[t] = 1e6;
    expect(fitCss(w, known, { p: 0, q: 0, mean: true }, 0)?.arma.mean).toBe(kept?.arma.mean);
  });

  test('says nothing of too few values', () => {
    expect(fitCss(arma(0, 0, 5), all(5), { p: 2, q: 1, mean: true }, 2)).toBeNull();
  });
});

describe('the order', () => {
  test('is that of exponential smoothing while few bins are known', () => {
    const model = chooseArima([1, 3, 2], [true, true, true]);
    // Steps +2 and -1; errors 2 and -1 + 0.6 x 2 = 0.2; (0.16 + 4 + 0.04) / 3 = 1.4.
    expect(model).toEqual({ d: 1, arma: { ar: [], ma: [-0.6], mean: 0 }, variance: expect.closeTo(1.4) });
  });

  test('has no difference where the series returns to its mean, one where it wanders', () => {
    const noise = [...arma(0.3, 0, 240)];
    let level = 0;
    const walk = noise.map((step) => (level += step));
    const known = noise.map(() => true);
    expect(chooseArima(noise, known).d).toBe(0);
    expect(chooseArima(walk, known).d).toBe(1);
  });

  test('never diverges: coefficients are stationary and finite, whatever the series', () => {
    const value = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 30, noNaN: true }));
    fc.assert(
      fc.property(fc.array(fc.tuple(value, fc.boolean()), { minLength: 1, maxLength: 90 }), (points) => {
        const model = chooseArima(
          points.map(([y]) => y),
          points.map(([, known]) => known),
        );
        for (const c of [...model.arma.ar, ...model.arma.ma]) expect(Math.abs(c)).toBeLessThan(2);
        expect(Number.isFinite(model.arma.mean)).toBe(true);
        expect(Number.isFinite(model.variance)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });
});

test('symmetric systems are solved, others refused', () => {
  // [[4, 2], [2, 3]] x = [2, 5]: x = [-0.5, 2].
  expect(
    solveSymmetric(
      [
        [4, 2],
        [2, 3],
      ],
      [2, 5],
    ),
  ).toEqual([expect.closeTo(-0.5), expect.closeTo(2)]);
  expect(
    solveSymmetric(
      [
        [1, 2],
        [2, 1],
      ],
      [1, 1],
    ),
  ).toBeNull();
});

describe('the model of counts', () => {
  const noise = { binSeconds: 30, variance: (mean: number) => (mean + 0.02) / 30 };
  const flat = [0, 6000].map((atSeconds) => ({ atSeconds, rps: 5 }));
  const quiet = drawCounts(flat, { binSeconds: 30, seed: 4 });
  const nextAfter = (rates: number[]) => {
    const model = new ArimaModel();
    for (const rate of rates) model.push(rate, noise);
    return model.path(1, noise)?.mean[0] ?? Number.NaN;
  };

  test('begins anew after a step, at the second bin of it', () => {
    expect(nextAfter([...quiet, 20])).toBeLessThan(15);
    expect(nextAfter([...quiet, 20, 20])).toBeGreaterThan(15);
    expect(nextAfter([...Array(200).fill(0), 3, 3])).toBeGreaterThan(2);
  });

  test('keeps its level through one wild bin', () => {
    expect(nextAfter([...quiet, 40, 5, 5])).toBeLessThan(8);
  });
});
