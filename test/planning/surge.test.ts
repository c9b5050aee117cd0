import { describe, expect, test } from 'vitest';
import { decide } from '../../src/planning/decide.js';
import { fast, granted, memory, modelled, observation, plan, policy, T } from './support.js';

// 2 requests/s, then 10: one worker carries 4 (0.5 x 4 below the threshold)
const arrivals = [...Array(37).fill(2), 10, 10, 10];
const seen = observation({ ready: 1, arrivals, waiting: 20, running: 5, grant: granted(1) });
const rules = { burstProtection: true, gpuCeiling: 99, maxWorkers: 99 };

test('the surge covers the rate and the backlog that will have grown by then', () => {
  // backlog = 20 + (10 - 4) x 10 s = 80, worked off in 10 s: 8/s; (10 + 8) / (4 x 0.5) = 9
  const { spike, surge, calm } = plan(seen, memory(1, fast), rules);
  expect([spike.is, calm.is]).toEqual([true, false]);
  expect(surge?.replicas.decode).toBe(9);
});

test('the budget bounds it', () => {
  expect(plan(seen, memory(1, fast), { burstProtection: true }).surge?.replicas.decode).toBe(4);
});

test('nothing of it where burst protection is off', () => {
  const { spike, surge, calm } = plan(seen, memory(1, fast), { ...rules, burstProtection: false });
  expect([spike.is, surge, calm.is]).toEqual([false, null, true]);
});

test('a burst that the ready workers carry below the threshold is none', () => {
  // 5 ready: 20 requests/s x 0.5 = 10
  const carried = observation({ ready: 5, arrivals, running: 5, grant: granted(5) });
  expect(plan(carried, memory(5, fast), rules).spike.is).toBe(false);
});

describe('where allowed violations are spent on purpose', () => {
  const spends = policy({ ...rules, costOptimization: true });
  // Ten seconds of 10 requests/s, as long as a cold start takes.
  const lasts = [...Array(30).fill(2), ...Array(10).fill(10)];
  const burst = (missed: number, violationShare: number, lateWaiting: number, asideBefore: number) => {
    const latency = { requests: 100, ttftSeconds: 0.5, itlSeconds: 0.01, violationShare };
    const o = observation({
      ready: 1,
      arrivals: lasts,
      waiting: 20,
      lateWaiting,
      latency,
      grant: granted(1),
    });
    const outlook = {
      leads: [],
      dispersion: 1,
      ended: 10_000,
      missed,
      asideBefore,
      pardoned: 0,
    };
    return decide({
      observation: o,
      policy: spends,
      facts: modelled,
      memory: memory(1, fast),
      outlook,
      now: T,
    });
  };

  test('a burst is met from the budget while there is some', () => {
    const { spike, surge } = burst(0, 0.5, 0, 0);
    expect([spike.is, surge]).toEqual([true, null]);
  });

  test('past the planned share it orders for the rate that has lasted', () => {
    // 10 requests/s of 4 a worker: more than 2
    expect(burst(950, 0.5, 0, 0).surge?.replicas.decode).toBeGreaterThanOrEqual(3);
    expect(burst(950, 0.5, 0, 0).surge?.why).toMatch(/9.5 % of the last hour's 10000 were late/);
  });

  test('what stood aside before the window is no reason again, what came to stand aside in it is', () => {
    expect(burst(950, 0, 40, 40).surge).toBeNull();
    expect(burst(950, 0, 40, 10).surge).not.toBeNull();
  });
});

test('calm comes so long after the last spike, and nothing shrinks before', () => {
  const quiet = observation({ ready: 2, arrivals: 1, running: 1, grant: granted(2) });
  const since = (ms: number) =>
    plan(quiet, memory(2, { lastSpikeAtMs: T - ms }), { ...rules, costOptimization: true });
  expect([since(9_999).calm.is, since(9_999).fewer]).toEqual([false, null]);
  expect(since(10_000).calm.is).toBe(true);
  expect(since(10_000).fewer).not.toBeNull();
});
