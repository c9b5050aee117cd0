import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellAt, decodeHull, nearestCell } from '../../../src/profile/tables/decode.js';
import { delaunay } from '../../../src/profile/tables/delaunay.js';
import { decodeGrid } from '../../../src/profile/tables/grid.js';
import { interpolatePrefill } from '../../../src/profile/tables/prefill.js';
import { roundHalfEven } from '../../../src/profile/tables/rounding.js';
import { cubicSpline } from '../../../src/profile/tables/spline.js';
import type { DecodeTable } from '../../../src/profile/tables/types.js';
import { hasShared, ownProfile, parse, SHARED, sharedTable } from './support.js';

describe('the not-a-knot spline', () => {
  it('is the cubic itself through points of one', () => {
    const cubic = (x: number) => 2 - x + 0.5 * x * x - 0.1 * x ** 3;
    const x = [0, 1, 2.5, 4, 7];
    const spline = cubicSpline(x, x.map(cubic));
    for (const value of [0, 0.3, 2.5, 3.3, 6.9, 7]) expect(spline(value)).toBeCloseTo(cubic(value), 10);
  });

  it('is a parabola through three points, a line through two, a constant through one', () => {
    expect(cubicSpline([0, 1, 3], [0, 1, 9])(2)).toBeCloseTo(4, 12);
    expect(cubicSpline([0, 2], [1, 5])(1)).toBe(3);
    expect(cubicSpline([7], [3])(100)).toBe(3);
  });

  it('meets every point', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 4, maxLength: 12 }), (y) => {
        const x = y.map((_, i) => i * i + i);
        const spline = cubicSpline(x, y);
        x.forEach((value, i) => {
          expect(spline(value)).toBeCloseTo(y[i] ?? 0, 6);
        });
      }),
    );
  });
});

describe('prefill interpolation', () => {
  const prefill = interpolatePrefill(parse(ownProfile()).prefill);

  it('answers between the measured ISLs, clamped to them, and says which it was', () => {
    expect(prefill.ttftMs(2000)).toBeCloseTo(50, 9);
    expect(prefill.ttftMs(50)).toBeCloseTo(12, 9);
    expect(prefill.ttftMs(1e6)).toBeCloseTo(170, 9);
    expect([50, 100, 8000, 8001].map(prefill.inHull)).toEqual([false, true, true, false]);
  });

  it("takes NaN for the shortest, as Python's max and min do", () => {
    expect(prefill.ttftMs(Number.NaN)).toBeCloseTo(12, 9);
  });
});

describe('the decode grid', () => {
  it('rounds a half to the even cell', () => {
    expect([0.5, 1.5, 2.5, -0.5, 2.4, 2.6].map(roundHalfEven)).toEqual([0, 2, 2, 0, 2, 3]);
  });

  const grid = {
    kvUsage: [0, 0.5, 1],
    contextLength: [0, 100, 200],
    itlMs: [
      [1, 2, 3],
      [4, 5, 6],
      [7, 8, 9],
    ],
    throughputPerGpu: [
      [10, 20, 30],
      [40, 50, 60],
      [70, 80, 90],
    ],
    maxKvTokens: 1000,
  };

  it('answers with the nearest cell, the last one beyond the grid, none for NaN', () => {
    expect(nearestCell(grid, 0.3, 120)).toEqual({ itlMs: 5, throughputPerGpu: 50, kvUsage: 0.5 });
    // 0.25 and 50 lie halfway: to cell 0, the even one.
    expect(nearestCell(grid, 0.25, 50)).toEqual(cellAt(grid, 0, 0));
    expect(nearestCell(grid, 9, Number.POSITIVE_INFINITY)).toEqual(cellAt(grid, 2, 2));
    expect(nearestCell(grid, Number.NaN, 0)).toBeNull();
  });

  it('says whether a point lies among the measured ones', () => {
    const inside = decodeHull({ ...square([0.1, 0.5]), maxKvTokens: 1 });
    expect(inside(0.3, 200)).toBe(true);
    expect(inside(0.1, 100)).toBe(true);
    expect(inside(0.6, 200)).toBe(false);
    expect(inside(Number.NaN, 200)).toBe(false);
  });

  function square(usages: number[]): DecodeTable {
    const points = [100, 200, 300].flatMap((context) => usages.map((usage) => ({ usage, context })));
    const values = points.map(({ usage, context }) => 3 + 10 * usage + 0.02 * context);
    return {
      kvUsage: points.map(({ usage }) => usage),
      contextLength: points.map(({ context }) => context),
      itlMs: values,
      throughputPerGpu: values,
      recordedThroughputPerGpu: values,
      maxKvTokens: 1000,
    };
  }

  it('is exact on a plane inside the measured points and their nearest value outside', () => {
    const made = decodeGrid(square([0, 0.25, 0.5, 0.75, 1]), 31);
    made.contextLength.forEach((context, iy) => {
      made.kvUsage.forEach((usage, ix) => {
        const expected = 3 + 10 * usage + 0.02 * context;
        if (context >= 100) expect(made.itlMs[iy]?.[ix]).toBeCloseTo(expected, 6);
      });
    });
    // Nearest of the row at 100 tokens.
    expect(made.itlMs[0]?.[0]).toBe(5);
  });

  it('covers a regular grid of points once, without overlap, although all lie on circles', () => {
    const points = [0, 1, 2, 3].flatMap((x) => [0, 1, 2].map((y) => [x, y] as const));
    const { triangles } = delaunay(points);
    const area = triangles.reduce((sum, [a, b, c]) => {
      const [p, q, r] = [points[a]!, points[b]!, points[c]!];
      return sum + ((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])) / 2;
    }, 0);
    expect(triangles).toHaveLength(12);
    expect(area).toBeCloseTo(6, 12);
  });

  it.skipIf(!hasShared)("is Dynamo's grid of the 8B profile to the digits recorded", () => {
    const { decode } = sharedTable('h200_llama31_8b_fp8_tp1');
    const made = decodeGrid(decode);
    const file = `${SHARED}profiles/grids/h200_llama31_8b_fp8_tp1_grid.json`;
    const recorded = JSON.parse(readFileSync(file, 'utf8')) as Record<'itl_ms' | 'thpt_per_gpu', number[][]>;
    const worst = (mine: readonly (readonly number[])[], theirs: number[][]) =>
      Math.max(...mine.flatMap((row, y) => row.map((value, x) => Math.abs(value / theirs[y]![x]! - 1))));
    expect(worst(made.itlMs, recorded.itl_ms)).toBeLessThan(1e-4);
    expect(worst(made.throughputPerGpu, recorded.thpt_per_gpu)).toBeLessThan(1e-4);
  });
});
