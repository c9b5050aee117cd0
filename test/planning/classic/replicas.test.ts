import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clampPair, clampSingle } from '../../../src/planning/classic/band.js';
import {
  type ClassicBudget,
  floorBudget,
  gpusOf,
  roundBudget,
} from '../../../src/planning/classic/budget.js';
import { isPlannable, updateCorrections } from '../../../src/planning/classic/corrections.js';
import { bestDecodePoint } from '../../../src/planning/classic/decode-point.js';
import { classicReplicas, correctedItlMs, profiledReplicas } from '../../../src/planning/classic/replicas.js';
import { interpolatePrefill } from '../../../src/profile/tables/prefill.js';
import type { DecodeGrid } from '../../../src/profile/tables/types.js';

const single: ClassicBudget = { prefillGpus: 1, decodeGpus: 1, minEndpoint: 1, maxGpus: 8 };

/** Two context lengths by three KV usages; ITL rises and falls again, throughput peaks in the middle. */
const grid: DecodeGrid = {
  kvUsage: [0, 0.5, 1],
  contextLength: [0, 4000],
  itlMs: [
    [5, 10, 8],
    [6, 20, 40],
  ],
  throughputPerGpu: [
    [100, 900, 500],
    [50, 400, 300],
  ],
  maxKvTokens: 8000,
};
const prefill = interpolatePrefill({
  isl: [100, 2100],
  ttftMs: [10, 110],
  throughputPerGpu: [10_000, 20_000],
  recordedThroughputPerGpu: [5000, 10_000],
});

describe('classic replicas', () => {
  const load = { requests: 600, isl: 3000, osl: 150, intervalSeconds: 60 };

  it('divides the load by the throughput and the GPUs of an engine, rounded up', () => {
    // prefill 600 x 3000 / 60 = 30,000 / 4,000 / 2 = 3.75; decode 600 x 150 / 60 = 1,500 / 700 / 1 = 2.14.
    const plan = classicReplicas(
      load,
      { prefillPerGpu: 4000, decodePerGpu: 700 },
      { prefill: 1, decode: 1 },
      { ...single, prefillGpus: 2, maxGpus: 100 },
      'floor',
    );
    expect(plan.raw).toEqual({ prefill: 4, decode: 3 });
    expect(plan.replicas).toEqual({ prefill: 4, decode: 3 });
  });

  it('lets a prefill correction below 1 reduce the load, and ignores one above', () => {
    const raw = (prefillCorrection: number) =>
      classicReplicas(
        load,
        { prefillPerGpu: 10_000, decodePerGpu: 1500 },
        { prefill: prefillCorrection, decode: 1 },
        single,
        null,
      ).raw.prefill;
    expect([0.5, 1, 2.5, Number.NaN].map(raw)).toEqual([2, 3, 3, 3]);
  });

  it('plans the minimum for no load and for an unusable throughput, nothing for NaN', () => {
    const plan = (requests: number, decodePerGpu: number) =>
      classicReplicas(
        { ...load, requests },
        { prefillPerGpu: 1000, decodePerGpu },
        { prefill: 1, decode: 1 },
        { ...single, minEndpoint: 2, maxGpus: -1 },
        'floor',
      );
    expect(plan(0, 100)).toMatchObject({
      raw: { prefill: 0, decode: 0 },
      replicas: { prefill: 2, decode: 2 },
    });
    expect(plan(0, -1).raw.decode).toBe(2);
    expect(plan(Number.NaN, 100)).toMatchObject({ raw: { prefill: null }, replicas: null });
    expect(plan(Number.POSITIVE_INFINITY, 100).replicas).toBeNull();
  });

  it('takes the fullest cell within the ITL target, though a less full one yields more', () => {
    expect(bestDecodePoint(grid, 9, 0)).toEqual({ itlMs: 8, throughputPerGpu: 500, kvUsage: 1 });
    expect(bestDecodePoint(grid, 25, 4000)).toMatchObject({ kvUsage: 0.5 });
  });

  it('takes an unreachable ITL target without a word', () => {
    expect(bestDecodePoint(grid, 1, 4000)).toEqual({ itlMs: 6, throughputPerGpu: 50, kvUsage: 0 });
    expect(bestDecodePoint(grid, Number.NaN, 4000)?.kvUsage).toBe(0);
    expect(bestDecodePoint(grid, 1, Number.NaN)).toBeNull();
  });

  it('loosens the ITL target by a correction below 1', () => {
    expect([0.5, 2, 0, -1].map((correction) => correctedItlMs(10, correction))).toEqual([20, 5, 10, 10]);
  });

  it('plans from a profile by its recorded throughput', () => {
    const plan = profiledReplicas(
      { prefill, grid },
      { requests: 100, isl: 2100, osl: 200, intervalSeconds: 10 },
      { itlMs: 20 },
      { prefill: 1, decode: 1 },
      single,
      'floor',
    );
    // 100 x 2100 / 10 = 21,000 / 10,000 = 2.1; context 2,200 is nearest to 4,000: 2,000 / 400 = 5; 3 + 5 = 8 GPUs.
    expect(plan.choice).toMatchObject({ kvUsage: 0.5, throughputPerGpu: 400 });
    expect(plan.replicas).toEqual({ prefill: 3, decode: 5 });
  });
});

describe('classic corrections', () => {
  const metrics = { ttftMs: 220, itlMs: 30, requests: 60, isl: 2100, osl: 200, requestSeconds: 4 };

  it('compares observed with profiled latency at the observed concurrency', () => {
    // 60 / 2 workers x 4 s / 60 s = 2 requests of 2,200 tokens: KV usage 0.55, the middle cell, ITL 20.
    expect(updateCorrections({ prefill: 1, decode: 1 }, { prefill, grid }, metrics, 2, 60)).toEqual({
      prefill: 2,
      decode: 1.5,
    });
  });

  it('keeps the decode correction without decode workers, and does not plan from NaN', () => {
    expect(updateCorrections({ prefill: 1, decode: 7 }, { prefill, grid }, metrics, 0, 60).decode).toBe(7);
    expect(isPlannable(metrics)).toBe(true);
    expect(isPlannable({ ...metrics, itlMs: Number.NaN })).toBe(false);
  });
});

describe('classic budgets', () => {
  it('rounds halves to the even number', () => {
    // 5 and 5 in 7: 5 x 0.7 = 3.5, to 4; the rest is 3.
    expect(roundBudget({ prefill: 5, decode: 5 }, { ...single, maxGpus: 7 })).toEqual({
      prefill: 4,
      decode: 3,
    });
    // 3 and 3 in 5: 3 x 5 / 6 = 2.5, to 2.
    expect(roundBudget({ prefill: 3, decode: 3 }, { ...single, maxGpus: 5 })).toEqual({
      prefill: 2,
      decode: 3,
    });
  });

  it('exceeds the budget by rounding, which the floor rule does not', () => {
    const budget = { ...single, prefillGpus: 2 };
    const want = { prefill: 5, decode: 1 };
    expect(gpusOf(roundBudget(want, budget), budget)).toBe(9);
    expect(gpusOf(floorBudget(want, budget), budget)).toBe(8);
  });

  it('gives up both roles where the minimum does not fit, and knows no limit below 0', () => {
    expect(floorBudget({ prefill: 5, decode: 5 }, { ...single, maxGpus: 1 })).toEqual({
      prefill: 0,
      decode: 0,
    });
    expect(floorBudget({ prefill: 50, decode: 5 }, { ...single, maxGpus: -1 })).toEqual({
      prefill: 50,
      decode: 5,
    });
  });

  it('by the floor rule never exceeds the budget, and leaves what fits', () => {
    const small = fc.integer({ min: 1, max: 8 });
    fc.assert(
      fc.property(
        fc.nat(40),
        fc.nat(40),
        small,
        small,
        fc.integer({ min: 0, max: 2 }),
        fc.nat(40),
        (p, d, ...rest) => {
          const [prefillGpus, decodeGpus, minEndpoint, maxGpus] = rest;
          const budget = { prefillGpus, decodeGpus, minEndpoint, maxGpus };
          const want = { prefill: Math.max(p, minEndpoint), decode: Math.max(d, minEndpoint) };
          const got = floorBudget(want, budget);
          expect(gpusOf(got, budget)).toBeLessThanOrEqual(maxGpus);
          if (gpusOf(want, budget) <= maxGpus) expect(got).toEqual(want);
        },
      ),
    );
  });

  it('grows a pair to a budget floor in proportion, within one engine where a ceiling stands too', () => {
    const band = { ...single, minGpus: 8, maxGpus: -1 };
    expect(clampPair({ prefill: 1, decode: 3 }, band)).toEqual({ prefill: 2, decode: 6 });
    expect(clampPair({ prefill: 0, decode: 0 }, band)).toEqual({ prefill: 4, decode: 4 });
    expect(clampPair({ prefill: 3, decode: 4 }, { ...band, maxGpus: 8 })).toEqual({ prefill: 3, decode: 4 });
    expect(clampSingle(1, 2, { minGpus: 5, maxGpus: -1, minEndpoint: 1 })).toBe(3);
    expect(clampSingle(9, 2, { minGpus: -1, maxGpus: 5, minEndpoint: 1 })).toBe(2);
    expect(clampSingle(9, 4, { minGpus: -1, maxGpus: 3, minEndpoint: 1 })).toBe(0);
  });
});
