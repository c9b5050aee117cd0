import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitReport, renderFit } from '../../../src/cli/profile/fit.js';
import { fitLaw } from '../../../src/profile/tables/fit.js';
import { nonNegativeLeastSquares } from '../../../src/profile/tables/nnls.js';
import { hasShared, ownProfile, parse, sharedTable } from './support.js';

describe('the fitted law', () => {
  it('finds the law that made the points, in seconds, with no error', () => {
    const law = fitLaw(parse(ownProfile()));
    const close = (got: readonly number[], want: readonly number[]) =>
      got.forEach((value, i) => {
        expect(value).toBeCloseTo(want[i] ?? 0, 12);
      });
    close(law.ttft, [0.01, 20e-6, 0]);
    close(law.itl, [0.004, 50e-6, 20e-9]);
    expect(law.ttftError.meanAbsolute).toBeLessThan(1e-9);
    expect(law.itlError).toMatchObject({ points: 9 });
  });

  it('is not pulled by one bad point, and states its error', () => {
    const profile = ownProfile();
    profile.decode.itl_ms[4]! *= 3;
    const law = fitLaw(parse(profile));
    expect(law.itl[0]).toBeCloseTo(0.004, 4);
    expect(law.itlError.worst).toBeGreaterThan(0.6);
    expect(law.itlError.meanAbsolute).toBeLessThan(0.12);
  });

  it('leaves out larger batches when told, and refuses to leave out all', () => {
    const law = fitLaw(parse(ownProfile()), { maxBatch: 5 });
    expect([law.itlError.points, law.leftOut]).toEqual([6, 3]);
    expect(() => fitLaw(parse(ownProfile()), { maxBatch: 0 })).toThrow('batch 0 or less');
  });

  /** `ownProfile` with only its first points. */
  const cut = (lengths: number, points: number) => {
    const profile = ownProfile();
    for (const column of [profile.prefill.isl, profile.prefill.ttft_ms, profile.prefill.thpt_per_gpu])
      column.splice(lengths);
    const { kv_usage, context_length, itl_ms, thpt_per_gpu } = profile.decode;
    for (const column of [kv_usage, context_length, itl_ms, thpt_per_gpu]) column.splice(points);
    return parse(profile);
  };

  it('is refused on one prompt length or one decode point', () => {
    expect(() => fitLaw(cut(1, 9))).toThrow(
      'prefill.isl: expected at least 2 points, better 3 or more, got 1',
    );
    expect(() => fitLaw(cut(4, 1))).toThrow('decode: expected at least 2 points, better 3 or more, got 1');
  });

  it('tells where its points are too few', () => {
    expect(fitReport(cut(3, 3), {}).suspects).toEqual([]);
    expect(fitReport(cut(2, 9), {}).suspects).toEqual([
      expect.stringMatching(/^2 prompt lengths are too few/),
    ]);
    expect(fitReport(cut(4, 2), {}).suspects).toEqual([
      expect.stringMatching(/^2 decode points of 2 batch sizes are too few/),
    ]);
  });

  it('is refused where it is further off than no law at all', () => {
    const profile = ownProfile();
    // Prompts of several steps in less than one step takes: the two halves are not of one engine.
    profile.prefill.isl = [9000, 20_000, 40_000, 80_000];
    profile.prefill.ttft_ms = [6, 7, 8, 9];
    profile.decode.itl_ms.fill(100);
    expect(() => fitLaw(parse(profile))).toThrow(
      /prefill\.ttft: no law follows these points \(mean absolute error \d+ %\)/,
    );
  });

  it('never has a negative coefficient, and none below it would fit better', () => {
    const row = fc.tuple(fc.constant(1), fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }));
    fc.assert(
      fc.property(fc.array(fc.tuple(row, fc.integer({ min: -9, max: 9 })), { minLength: 4 }), (data) => {
        const rows = data.map(([r]) => r);
        const target = data.map(([, t]) => t);
        const c = nonNegativeLeastSquares(rows, target);
        const error = (x: readonly number[]) =>
          rows.reduce((sum, r, i) => sum + (r.reduce((s, v, j) => s + v * x[j]!, 0) - target[i]!) ** 2, 0);
        expect(Math.min(...c)).toBeGreaterThanOrEqual(0);
        c.forEach((_, j) => {
          for (const step of [1e-3, -1e-3]) {
            const moved = c.map((value, k) => (k === j ? Math.max(0, value + step) : value));
            expect(error(moved)).toBeGreaterThanOrEqual(error(c) - 1e-9);
          }
        });
      }),
    );
  });

  it.skipIf(!hasShared)('is within 10 % of each measured profile on average', () => {
    const names = ['h200_llama31_8b_fp8_tp1', ...[2, 4, 8].map((tp) => `h100_llama33_70b_fp8_tp${tp}`)];
    for (const name of names) {
      const law = fitLaw(sharedTable(name));
      expect(law.ttftError.meanAbsolute).toBeLessThan(0.08);
      expect(law.itlError.meanAbsolute).toBeLessThan(0.1);
    }
  });
});

describe('sluice profile fit', () => {
  it('reports the measured range and the law with its errors', () => {
    const report = fitReport(parse(ownProfile()), {});
    expect(report.range.prefill.isl).toEqual({ from: 100, to: 8000 });
    expect(report.range.decode).toMatchObject({ points: 9, contextLength: { from: 350, to: 5000 } });
    const text = renderFit(report);
    expect(text).toContain('ISL 100 to 8000 tokens');
    expect(text).toContain('TTFT = 0.01 + 0.00002 n');
    expect(text).toContain('mean absolute error 0.0 %');
    expect(text).toContain('note: made up');
  });
});
