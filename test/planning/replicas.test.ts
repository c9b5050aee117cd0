import fc from 'fast-check';
import { expect, test } from 'vitest';
import { exceeds, fits, floorOf, growWithin, trim } from '../../src/planning/replicas.js';
import { policy } from './support.js';

const limits = (gpuCeiling: number, maxWorkers: number, tp = { prefill: 1, decode: 1 }) =>
  policy({ gpuCeiling, maxWorkers, tp });

test('a want is cut to the GPU budget and to the most workers', () => {
  // 3 workers of 2 GPUs need 6, there are 5: two fit.
  expect(trim({ prefill: 0, decode: 3 }, limits(5, 9, { prefill: 2, decode: 2 }))).toEqual({
    prefill: 0,
    decode: 2,
  });
  expect(trim({ prefill: 0, decode: 3 }, limits(8, 1))).toEqual({ prefill: 0, decode: 1 });
});

test('a short budget is split between the roles as they want it', () => {
  expect(trim({ prefill: 2, decode: 6 }, limits(4, 9))).toEqual({ prefill: 1, decode: 3 });
  expect(trim({ prefill: 3, decode: 3 }, limits(1, 9))).toEqual({ prefill: 0, decode: 1 });
});

test('growing never takes from what there is, and stays within the limits', () => {
  const count = fc.integer({ min: 0, max: 12 });
  const some = fc.record({ prefill: count, decode: count });
  const size = fc.integer({ min: 1, max: 4 });
  fc.assert(
    fc.property(
      some,
      some,
      count,
      count,
      fc.record({ prefill: size, decode: size }),
      (have, want, gpus, most, tp) => {
        const p = limits(gpus, most, tp);
        const base = trim(have, p);
        expect(fits(base, p)).toBe(true);
        expect(exceeds(base, have)).toBe(false);
        const grown = growWithin(base, want, p);
        expect(fits(grown, p)).toBe(true);
        expect(exceeds(base, grown)).toBe(false);
        for (const role of ['prefill', 'decode'] as const)
          expect(grown[role]).toBeLessThanOrEqual(Math.max(base[role], want[role]));
      },
    ),
  );
});

test('a floor of 0 holds nothing; a floor holds its prefill workers where disaggregation is on', () => {
  const p = policy({ disaggregated: true, minPrefill: 1 });
  expect(floorOf(0, p)).toEqual({ prefill: 0, decode: 0 });
  expect(floorOf(2, p)).toEqual({ prefill: 1, decode: 2 });
  expect(floorOf(1_000_000_000, p).decode).toBeLessThanOrEqual(4);
});
