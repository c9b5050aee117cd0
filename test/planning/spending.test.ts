import { expect, test } from 'vitest';
import { isEven, spending, wonBackSeconds } from '../../src/planning/spending.js';
import { policy } from './support.js';

// 10 % allowed (p90 leaves the same).
const saver = policy({ costOptimization: true });
const hour = (ended: number, missed: number, pardoned = 0) => ({
  leads: [],
  dispersion: null,
  ended,
  missed,
  asideBefore: null,
  pardoned,
});

test('an hour without a miss plans to use 85 % of what is allowed, an even one 90 %', () => {
  // (0.085 x (1000 + 100) - 0) / 100 = 0.94, at most 0.1 x 0.85
  expect(spending(saver, hour(1000, 0), { lateWaiting: 0, expected: 100, even: false }).late).toBeCloseTo(
    0.085,
    4,
  );
  // An even hour: at most three times as much, and never more than the hour has left: (0.09 x 1100 - 0) / 100 = 0.99
  expect(spending(saver, hour(1000, 0), { lateWaiting: 0, expected: 100, even: true }).late).toBeCloseTo(
    0.27,
  );
  // (0.09 x 1100 - 80) / 100 = 0.19
  expect(spending(saver, hour(1000, 80), { lateWaiting: 0, expected: 100, even: true }).late).toBeCloseTo(
    0.19,
  );
});

test('what was late when the pool opened is not won back', () => {
  // 200 stand aside, 195 of them since the opening: (0.085 x 1100 - 85 - 5) / 100 = 0.035
  const late = { lateWaiting: 200, expected: 100, even: false };
  expect(spending(saver, hour(1000, 85, 195), late).late).toBeCloseTo(0.035, 4);
  // They have gone; a pardon is no credit.
  expect(spending(saver, hour(1000, 0, 195), { ...late, lateWaiting: 0 }).late).toBeCloseTo(0.085, 4);
});

test('what was missed in the hour, and what stands aside, is no longer there to use', () => {
  // (0.085 x 1100 - 85 - 5) / 100 = 0.035
  expect(spending(saver, hour(1000, 85), { lateWaiting: 5, expected: 100, even: false }).late).toBeCloseTo(
    0.035,
    4,
  );
});

test('an overdrawn hour still plans for a fifth', () => {
  expect(spending(saver, hour(1000, 500), { lateWaiting: 0, expected: 100, even: false }).late).toBeCloseTo(
    0.02,
  );
});

test('without cost optimisation nothing is spent on purpose', () => {
  expect(spending(policy(), hour(1000, 0), { lateWaiting: 0, expected: 100, even: false }).late).toBeCloseTo(
    0.03,
  );
});

test('the watched percentile bounds what may be late too', () => {
  const strict = policy({ costOptimization: true, latencyPercentile: 99 });
  expect(spending(strict, null, { lateWaiting: 0, expected: 100, even: false }).late).toBeCloseTo(0.0085, 5);
});

test('a load is even once no burst came for a quarter of an hour, where one would have been seen', () => {
  const watched = policy({ burstProtection: true });
  expect([null, 0, 100_001].map((spike) => isEven(watched, spike, 1_000_000))).toEqual([true, true, false]);
  expect(isEven(policy({ burstProtection: false }), null, 1_000_000)).toBe(false);
});

test('lateness is won back over a quarter of an hour, or as long as a decision answers for', () => {
  expect([wonBackSeconds(130), wonBackSeconds(1800)]).toEqual([900, 1800]);
});
