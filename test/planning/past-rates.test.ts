import { describe, expect, test } from 'vitest';
import { decide } from '../../src/planning/decide.js';
import { LoadWatch } from '../../src/planning/load-watch.js';
import type { Outlook } from '../../src/planning/outlook.js';
import { PastRates } from '../../src/planning/past-rates.js';
import { fast, granted, memory, modelled, observation, policy, T } from './support.js';

/** Bins of 30 s: bursts of two of them at 40 requests/s, each after eight at 5. */
const bursts = (count: number) =>
  Array.from({ length: count }, () => [5, 5, 5, 5, 5, 5, 5, 5, 40, 40]).flat();
const returningRates = (rates: readonly (number | null)[], binSeconds: number) =>
  new PastRates(binSeconds, rates).returning;
const sum = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);

describe('a load that left and came back', () => {
  test('gives the rates at which equal shares of its requests came', () => {
    // Of 4 x (8 x 5 + 2 x 40) requests a third came at 5/s: 2.667 of eight shares.
    const rates = returningRates(bursts(4), 30);
    expect(rates.map((rate) => Math.round(rate))).toEqual([5, 5, 17, 40, 40, 40, 40, 40]);
    // In the mean over requests: (8 x 25 + 2 x 1600) / 120
    expect(sum(rates) / 8).toBeCloseTo(3400 / 120, 6);
  });

  test('has come three times; a crowd, a ramp, a steady load and silence never have', () => {
    expect(returningRates(bursts(3), 30)).toHaveLength(8);
    expect(returningRates(bursts(2), 30)).toEqual([]);
    const crowd = Array.from({ length: 100 }, (_, k) => (k > 40 && k < 60 ? 50 : 5));
    const ramp = Array.from({ length: 100 }, (_, k) => k);
    const ragged = Array.from({ length: 100 }, (_, k) => 10 + ((k * 7) % 5));
    for (const past of [crowd, ramp, ragged, Array(100).fill(0), []])
      expect(returningRates(past, 30)).toEqual([]);
  });

  test('is not told by less than ten minutes, nor by what is unknown', () => {
    expect(returningRates(bursts(3), 10)).toEqual([]);
    const gaps = bursts(4).flatMap((rate) => [rate, null]);
    expect(returningRates(gaps, 30)).toEqual(returningRates(bursts(4), 30));
  });
});

test('an hour is remembered, and what is usual is the mean of its last quarter', () => {
  const past = new PastRates(30, []);
  expect([past.usual, past.returning]).toEqual([null, []]);
  for (let bin = 0; bin < 200; bin++) past.push(bin < 170 ? 1 : 3);
  expect([past.rates.length, past.usual]).toEqual([120, 3]);
  past.push(null);
  expect(past.usual).toBe(3);
  expect(new PastRates(30, [null, null]).usual).toBeNull();
});

test('what returns is that of the hour with its newest bin', () => {
  const past = new PastRates(30, bursts(2));
  expect(past.returning).toEqual([]);
  for (const rate of bursts(1)) past.push(rate);
  expect(past.returning).toEqual(returningRates(bursts(3), 30));
});

test('a planner learns both from what it observes, and goes on after a restart', () => {
  const rules = policy({ adjustmentIntervalSeconds: 20 });
  const watch = new LoadWatch(rules, 130);
  // Bins of 30 s as above; the opening, two spans of 150 s, is left out.
  const rates = [...Array(10).fill(5), ...bursts(5)].flatMap((rate) => Array(30).fill(rate));
  for (let second = 40; second < rates.length; second++)
    watch.observe(
      observation({ at: T + second * 1000, arrivals: rates.slice(second - 39, second + 1), ready: 1 }),
    );
  const { returning, usualRps } = watch.outlook(130, true);
  expect(returning).toHaveLength(8);
  expect(returning?.at(-1)).toBeGreaterThan(30);
  expect(usualRps).toBeCloseTo(12, 0);
  expect(watch.outlook(130, false).returning).toBeUndefined();
  const again = new LoadWatch(rules, 130, JSON.parse(JSON.stringify(watch.save())));
  expect(again.outlook(130, true)).toEqual(watch.outlook(130, true));
});

describe('a planner in a lull', () => {
  const saver = policy({ costOptimization: true, gpuCeiling: 9, maxWorkers: 9, burstProtection: true });
  const outlook = (returning?: number[]): Outlook => ({
    leads: [{ seconds: 15, rates: Array(8).fill(2) }],
    ...(returning === undefined ? {} : { returning }),
    dispersion: 1,
    ended: 1000,
    missed: 50,
    asideBefore: 0,
    pardoned: 0,
  });
  const planned = (workers: number, returning?: number[]) =>
    decide({
      observation: observation({ ready: workers, arrivals: 2, running: 1, grant: granted(workers) }),
      policy: saver,
      facts: modelled,
      memory: memory(workers),
      outlook: outlook(returning),
      now: T,
    });

  test('keeps what the bursts of the last hour needed, and gives it up where none came again', () => {
    expect(planned(3).fewer?.replicas.decode).toBe(2);
    const kept = planned(3, [4, 6, 7, 8, 9, 9, 10, 10]);
    expect([kept.fewer, kept.more]).toEqual([null, null]);
    expect(kept.reason).toMatch(/or not through the last hour's bursts/);
  });

  test('orders what they need before the next', () => {
    expect(planned(1).more).toBeNull();
    const { more } = planned(1, [4, 6, 7, 8, 9, 9, 10, 10]);
    expect(more?.replicas.decode).toBeGreaterThan(1);
    expect(more?.why).toMatch(/the last hour's bursts, come again, need \d/);
  });
});

describe('saturation', () => {
  const saver = policy({ costOptimization: true, gpuCeiling: 9, maxWorkers: 9 });
  const wanted = (arrivals: number[], missed = 950) =>
    decide({
      observation: observation({
        ready: 1,
        arrivals,
        running: 1,
        grant: granted(1),
        latency: { requests: 100, ttftSeconds: 3, itlSeconds: 0.01, violationShare: 0.5 },
      }),
      policy: saver,
      facts: modelled,
      memory: memory(1, { ...fast, sightings: { prefill: 0, decode: 9, forecast: 0 } }),
      outlook: { leads: [], dispersion: 1, ended: 10_000, missed, asideBefore: 0, pardoned: 0 },
      now: T,
    }).more;

  test('late first tokens ask for a worker while the load is what it was', () => {
    expect(wanted(Array(40).fill(3))?.replicas.decode).toBe(2);
  });

  test('is believed where nothing ended: how much of the window is late is not known', () => {
    const o = observation({
      ready: 1,
      arrivals: 3,
      waiting: 9,
      waitingTokens: 36_000,
      running: 1,
      grant: granted(1),
    });
    const { more } = decide({
      observation: o,
      policy: saver,
      facts: modelled,
      memory: memory(1, { ...fast, sightings: { prefill: 0, decode: 9, forecast: 0 } }),
      outlook: { leads: [], dispersion: 1, ended: 10_000, missed: 100, asideBefore: 0, pardoned: 0 },
      now: T,
    });
    expect(more?.why).toMatch(/prefill-queue load/);
  });

  test('late first tokens ask for none once it has fallen, nor while the hour has misses left', () => {
    expect(wanted([...Array(30).fill(4), ...Array(10).fill(1)])).toBeNull();
    expect(wanted(Array(40).fill(3), 100)).toBeNull();
  });
});
