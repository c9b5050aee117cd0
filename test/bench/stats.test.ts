import { expect, it } from 'vitest';
import { middleMean } from '../../bench/support/stats.js';
import { seededRandom } from '../../src/simulator/workload/random.js';

it('tells the mean of the middle half, whatever lies outside', () => {
  expect(middleMean([1, 2, 3, 4, 5, 6, 7, 8]).value).toBe(4.5);
  expect(middleMean([-1e9, 2, 3, 4, 5, 6, 7, 1e9])).toEqual(middleMean([1, 2, 3, 4, 5, 6, 7, 8]));
  expect(middleMean([]).value).toBeNaN();
});

it('states an error as large as the means of repeated samples really differ by', () => {
  const random = seededRandom(3);
  const noise = () => Array.from({ length: 100 }, () => random() + random() + random() + random());
  const repeated = Array.from({ length: 400 }, () => middleMean(noise()));
  const mean = repeated.reduce((sum, { value }) => sum + value, 0) / repeated.length;
  const spread = Math.sqrt(
    repeated.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / repeated.length,
  );
  const stated = repeated.reduce((sum, { error }) => sum + error, 0) / repeated.length;
  expect(stated / spread).toBeGreaterThan(0.85);
  expect(stated / spread).toBeLessThan(1.15);
});
