import { expect, test } from 'vitest';
import { detectBurst, FALSE_ALARM, tailBound } from '../../src/planning/burst.js';

/** Poisson counts from a seeded generator (mulberry32; Knuth's product method). */
function poisson(rate: number, length: number, seed: number): number[] {
  let state = seed;
  const random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return Array.from({ length }, () => {
    const limit = Math.exp(-rate);
    let k = 0;
    for (let product = random(); product > limit; product *= random()) k++;
    return k;
  });
}

test('a jump from 2 to 12 requests/s is a burst', () => {
  const check = detectBurst([...Array(57).fill(2), 12, 12, 12], 1);
  expect(check).toMatchObject({ burst: true, rps: 12, baselineRps: 2 });
});

test('arrivals after silence are a burst from ten on', () => {
  expect(detectBurst([...Array(57).fill(0), 3, 3, 3], 1)?.burst).toBe(false);
  // p = (3/60)^10, about 1e-13
  const check = detectBurst([...Array(57).fill(0), 4, 3, 3], 1);
  expect(check?.burst).toBe(true);
  expect(check?.pValue).toBeCloseTo((3 / 60) ** 10, 20);
});

test('less than twice the rate is none, however significant', () => {
  const check = detectBurst([...Array(57).fill(1000), 1900, 1900, 1900], 1);
  expect(check?.pValue).toBeLessThan(FALSE_ALARM);
  expect(check?.burst).toBe(false);
});

test('with seconds unknown in the newest ones, or hardly any before, nothing is told', () => {
  expect(detectBurst([...Array(57).fill(2), 12, null, 12], 1)).toBeNull();
  expect(detectBurst([null, null, 2, 2, 2, 12, 12, 12], 1)).toBeNull();
});

test('steady Poisson traffic raises no more alarms than stated', () => {
  let checks = 0;
  let alarms = 0;
  for (const rate of [0.5, 3, 20]) {
    const counts = poisson(rate, 20_000, 7);
    for (let end = 60; end <= counts.length; end += 3) {
      checks++;
      if (detectBurst(counts.slice(end - 60, end), 1)?.burst) alarms++;
    }
  }
  expect(alarms / checks).toBeLessThanOrEqual(FALSE_ALARM);
});

test('the bound holds the exact tail', () => {
  // P(K >= 3), n = 4, p = 0.25: 4 * 0.25^3 * 0.75 + 0.25^4 = 0.0508
  expect(tailBound(3, 4, 0.25)).toBeGreaterThanOrEqual(0.0508);
  expect(tailBound(4, 4, 0.25)).toBeCloseTo(0.25 ** 4);
  expect(tailBound(1, 4, 0.25)).toBe(1);
});
