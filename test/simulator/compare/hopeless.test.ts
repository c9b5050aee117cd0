import { expect, test } from 'vitest';
import { hopelessWatch } from '../../../src/simulator/compare/hopeless.js';
import { runOfPolicy } from '../../../src/simulator/compare/report.js';
import { runPolicy } from '../../../src/simulator/compare/run.js';
import { keepsLevels } from '../../../src/simulator/compare/verdict.js';
import { roundProfile } from '../../support/profiles.js';
import { onePool, run, steady } from '../run/support.js';

const config = onePool();
const allowed = config.pools.medium!.violationsAllowed;
/** So many requests that a million misses are just what is allowed. */
const requests = { medium: 1_000_000 / allowed };
const seen = (medium: { requests: number; missed: number; waiting: number }) => ({ medium });

test('a run is given up once more is missed than it may miss in all, and much waits', () => {
  const watch = hopelessWatch(config, requests, 60);
  expect(watch(seen({ requests: 900_000, missed: 200_000, waiting: 700_000 }))).toBe(false);
  // Of those that wait, 20,000 came since: they may still be in time. 300,000 + 700,000 is what may be missed.
  expect(watch(seen({ requests: 920_000, missed: 300_000, waiting: 720_000 }))).toBe(false);
  expect(watch(seen({ requests: 920_001, missed: 300_000, waiting: 720_002 }))).toBe(true);
});

test('many misses and a short queue, or a queue of requests that were sent on, are no reason', () => {
  expect(hopelessWatch(config, requests, 60)(seen({ requests: 5e6, missed: 4e6, waiting: 1000 }))).toBe(
    false,
  );
  const relegating = onePool({ overload: { ...config.pools.medium!.overload, policy: 'relegate' } });
  const counted = seen({ requests: 5e6, missed: 4e6, waiting: 800_000 });
  expect(hopelessWatch(relegating, requests, 60)(counted)).toBe(false);
  expect(hopelessWatch(config, requests, 60)(counted)).toBe(true);
  // Within a shorter interval than the TTFT target nothing is sure.
  expect(hopelessWatch(config, requests, 0.5)(counted)).toBe(false);
});

test('what waits from before the counting is not counted as waiting', () => {
  const starved = onePool({ gpuBudget: { guaranteed: 1, ceiling: 1 }, maxWorkers: 1 });
  const told: { requests: number; waiting: number }[] = [];
  run(starved, steady(200, 900, 1), {
    warmUpSeconds: 600,
    giveUp: ({ medium }) => {
      told.push(medium!);
      return told.length >= 3;
    },
  });
  expect(told).toHaveLength(3);
  for (const { requests, waiting } of told) {
    expect(waiting).toBeGreaterThan(0);
    expect(waiting).toBeLessThanOrEqual(requests);
  }
});

test('a policy that starves the pool is stopped, says so, and keeps nothing', () => {
  const starved = onePool({ gpuBudget: { guaranteed: 1, ceiling: 1 }, maxWorkers: 1 });
  const options = (rps: number) => ({
    config: starved,
    engines: { medium: { profile: roundProfile, tp: { vllm: 1, prefill: 1 } } },
    requests: steady(rps, 1500, 1),
  });
  const ask = { policy: 'static-full', variant: 0, excused: {} };
  const { outcome, note } = runPolicy(options(500), { ...ask, requests: { medium: 750_000 } });
  expect(note).toMatch(/^stopped after 0\.\d h, /);
  expect(outcome.stopped).toBe(true);
  expect(outcome.wallSeconds).toBeLessThan(1500);
  expect(keepsLevels(outcome, {})).toBe(false);
  // The run by whose hours others are judged goes on.
  const whole = runPolicy(options(500), { ...ask, requests: { medium: 750_000 }, whole: true });
  expect(whole.note).toBeNull();
  expect(whole.outcome.wallSeconds).toBeGreaterThan(1500);
  // Its share is of what the whole budget takes; of a run that was stopped, until then.
  const judged = (one: typeof outcome) =>
    runOfPolicy({ seed: 1, excused: {}, staticGpuHours: 10 }, one, null);
  expect(judged(outcome).ofStaticFull).toBeCloseTo(1, 6);
  expect(judged(whole.outcome).ofStaticFull).toBeCloseTo(judged(whole.outcome).gpuHours / 10, 9);
  const small = runPolicy(options(5), { ...ask, requests: { medium: 7500 } });
  expect(small.note).toBeNull();
  expect(small.outcome.stopped).toBeUndefined();
});
