import { describe, expect, test } from 'vitest';
import { countArrivals, drawCounts } from '../../src/simulator/workload/counts.js';
import { poisson, seededRandom } from '../../src/simulator/workload/random.js';

const flat = [
  { atSeconds: 0, rps: 4 },
  { atSeconds: 60_000, rps: 4 },
];
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const dispersionOf = (counts: number[]) => {
  const average = mean(counts);
  return mean(counts.map((count) => (count - average) ** 2)) / average;
};

describe('counts drawn around a curve', () => {
  test('without noise are its mean in each bin, steps and whole bins only', () => {
    const curve = [
      { atSeconds: 100, rps: 0 },
      { atSeconds: 120, rps: 20 },
      { atSeconds: 120, rps: 2 },
      { atSeconds: 155, rps: 2 },
    ];
    // 0..10 -> 5, 10..20 -> 15, then 2; the last 5 s are no bin.
    expect(drawCounts(curve, { binSeconds: 10, seed: 1, dispersion: 0 })).toEqual([5, 15, 2, 2, 2]);
    expect(drawCounts(curve, { binSeconds: 30, seed: 1, dispersion: 0 })[0]).toBeCloseTo(
      (20 * 10 + 10 * 2) / 30,
    );
  });

  test('have the mean and the dispersion wanted', () => {
    for (const dispersion of [1, 13]) {
      const counts = drawCounts(flat, { binSeconds: 10, seed: 3, dispersion }).map((rate) => rate * 10);
      expect(counts).toHaveLength(6000);
      // 40 a bin: standard error of the mean sqrt(40 D / 6000), of D about D sqrt(2 / 6000) = 1.8 %.
      expect(Math.abs(mean(counts) - 40)).toBeLessThan(4 * Math.sqrt((40 * dispersion) / 6000));
      expect(dispersionOf(counts) / dispersion).toBeCloseTo(1, 0);
      expect(Math.abs(dispersionOf(counts) / dispersion - 1)).toBeLessThan(0.1);
    }
  });
});

test('a Poisson draw has its mean as variance, small or large', () => {
  for (const average of [0.3, 5, 9.9, 10, 80, 5000]) {
    const random = seededRandom(5, String(average));
    const draws = Array.from({ length: 20_000 }, () => poisson(random, average));
    expect(Math.abs(mean(draws) - average)).toBeLessThan(4 * Math.sqrt(average / 20_000));
    expect(Math.abs(dispersionOf(draws) - 1)).toBeLessThan(0.05);
  }
  expect(poisson(seededRandom(1), 0)).toBe(0);
});

test('arrivals are counted by whole bins, idle ones too', () => {
  const at = [0, 1, 9.9, 31, 45].map((atSeconds) => ({ atSeconds }));
  // The bin of the last arrival may not be whole.
  expect(countArrivals(at, 10)).toEqual([0.3, 0, 0, 0.1]);
  expect(countArrivals([], 10)).toEqual([]);
});
