import { expect, test } from 'vitest';
import { spending } from '../../src/planning/spending.js';
import { policy } from './support.js';

// 10 % allowed (p90 leaves the same).
const saver = policy({ costOptimization: true });
const hour = (ended: number, missed: number) => ({
  leads: [],
  dispersion: null,
  ended,
  missed,
  asideBefore: null,
});

test('an hour without a miss plans to use nine tenths of what is allowed', () => {
  // (0.09 x (1000 + 100) - 0) / 100 = 0.99, at most 0.1 x 0.9 = 0.09
  expect(spending(saver, hour(1000, 0), 0, 100).late).toBeCloseTo(0.09);
  // An even hour: at most half as much again.
  expect(spending(saver, hour(1000, 0), 0, 100, true).late).toBeCloseTo(0.135);
});

test('what was missed in the hour, and what stands aside, is no longer there to use', () => {
  // (0.09 x 1100 - 90 - 5) / 100 = 0.04
  expect(spending(saver, hour(1000, 90), 5, 100).late).toBeCloseTo(0.04);
});

test('an overdrawn hour still plans for a fifth', () => {
  expect(spending(saver, hour(1000, 500), 0, 100).late).toBeCloseTo(0.02);
});

test('without cost optimisation nothing is spent on purpose', () => {
  expect(spending(policy(), hour(1000, 0), 0, 100).late).toBeCloseTo(0.03);
});

test('the watched percentile bounds what may be late too', () => {
  const strict = policy({ costOptimization: true, latencyPercentile: 99 });
  expect(spending(strict, null, 0, 100).late).toBeCloseTo(0.009);
});
