import { expect, test } from 'vitest';
import { PROMPT_SHARES } from '../../src/contract/observation.js';
import { LoadWatch } from '../../src/planning/load-watch.js';
import { observation, policy, T } from './support.js';

const rules = policy({ windowSeconds: 20, adjustmentIntervalSeconds: 5, loadPredictor: 'constant' });
const prompts = PROMPT_SHARES.map((_, k) => 1000 + k);

/** What is seen at `second` of a load of `rps`, arrivals of the last 40 s. */
function seen(second: number, rps: number | null, more: Parameters<typeof observation>[0] = {}) {
  const o = observation({ at: T + second * 1000, arrivals: Array.from({ length: 40 }, () => rps), ...more });
  return { ...o, load: { ...o.load, prompts, osl: 50 } };
}

test('a steady load is forecast as it is, over a cold start and an interval', () => {
  const watch = new LoadWatch(rules, 10);
  for (let second = 0; second < 120; second++) watch.observe(seen(second, 6));
  const { leads } = watch.outlook(10, true);
  expect(leads.at(-1)?.seconds).toBe(15);
  expect(leads.at(-1)?.rates[4]).toBeCloseTo(6, 0);
  expect(watch.outlook(10, false).leads).toEqual([]);
});

test('after a step no rate is planned for that is more than twice what came', () => {
  const watch = new LoadWatch({ ...rules, loadPredictor: 'arima', adjustmentIntervalSeconds: 10 }, 60);
  // Requests of each second by the fractional parts of multiples of the golden ratio: even, never twice the same.
  const counts = Array.from({ length: 1100 }, (_, k) => Math.round((k < 900 ? 10 : 60) * ((k * 0.618) % 1)));
  for (let second = 40; second < counts.length; second++) {
    watch.observe(seen(second, 0, { arrivals: counts.slice(second - 39, second + 1) }));
    const rates = watch.outlook(60, true).leads.flatMap((lead) => lead.rates);
    // A bin of 14 s has at most 60 a second.
    expect(Math.max(0, ...rates)).toBeLessThanOrEqual(121);
  }
});

test('unknown seconds are a gap, not silence', () => {
  const watch = new LoadWatch(rules, 10);
  for (let second = 0; second < 120; second++) watch.observe(seen(second, 6));
  for (let second = 120; second < 180; second++) watch.observe(seen(second, null));
  expect(watch.outlook(10, true).leads[0]?.rates[4]).toBeGreaterThan(4);
});

test('lengths, dispersion and what was missed are kept, and go on after a restart', () => {
  const watch = new LoadWatch(rules, 10);
  const latency = { requests: 100, violationShare: 0.05 };
  for (let second = 0; second < 100; second++) watch.observe(seen(second, 6, { latency }));
  const again = new LoadWatch(rules, 10, JSON.parse(JSON.stringify(watch.save())));
  expect(again.outlook(10, true)).toEqual(watch.outlook(10, true));
  expect(again.mix).toEqual({ prompts, osl: 50 });
  // Windows of 20 s end at 0, 20, ... 80 s, each with 100 requests and 5 misses; the first two are the pool's opening.
  const { ended, missed, dispersion } = again.outlook(10, false);
  expect([ended, missed]).toEqual([300, 15]);
  // Even counts have no variance: the least there is.
  expect(dispersion).toBe(1);
});

test('the step up to the first load is forgotten when the opening ends', () => {
  const watch = new LoadWatch(rules, 10);
  // Silent but for the last 5 s, then 40 requests every second.
  const step = Array.from({ length: 40 }, (_, second) => (second < 35 ? 0 : 40));
  const latency = { requests: 100, violationShare: 0 };
  watch.observe(seen(0, 40, { arrivals: step, latency }));
  expect(watch.outlook(10, false).dispersion).toBeGreaterThan(10);
  for (let second = 1; second <= 60; second++) watch.observe(seen(second, 40, { latency }));
  expect(watch.outlook(10, false).dispersion).toBe(1);
});

test('a state of something else begins anew', () => {
  expect(new LoadWatch(rules, 10, { version: 7 }).outlook(10, true).leads).toEqual([]);
});

test('how many stood aside and ran a window ago, across a restart', () => {
  let watch = new LoadWatch(rules, 10);
  expect(watch.outlook(10, false).asideBefore).toBeNull();
  for (let second = 0; second < 60; second++) {
    watch.observe(seen(second, 6, { lateWaiting: second, running: 2 * second }));
    if (second === 50) watch = new LoadWatch(rules, 10, JSON.parse(JSON.stringify(watch.save())));
  }
  // Looked at each second up to the 59th; the window is 20 s.
  expect(watch.outlook(10, false)).toMatchObject({ asideBefore: 39, runningBefore: 78 });
});

test('what was late when the pool opened counts for nothing, once and for an hour', () => {
  let watch = new LoadWatch(rules, 10);
  const look = (second: number, lateWaiting: number) =>
    watch.observe(seen(second, 6, { lateWaiting, latency: { requests: 100, violationShare: 1 } }));
  // Nothing comes yet: the opening waits for the first request.
  for (let second = 0; second < 100; second++) watch.observe(seen(second, 0));
  expect(watch.outlook(10, false).openUntilMs).toBeUndefined();
  // Two spans of 15 s.
  for (let second = 100; second < 130; second++) {
    look(second, 40);
    if (second === 110) watch = new LoadWatch(rules, 10, JSON.parse(JSON.stringify(watch.save())));
    expect(watch.outlook(10, false)).toMatchObject({ ended: 0, missed: 0, pardoned: 40 });
    expect(watch.outlook(10, false).openUntilMs).toBe(T + 130_000);
  }
  look(130, 60);
  expect(watch.outlook(10, false).pardoned).toBe(40);
  look(150, 60);
  expect(watch.outlook(10, false)).toMatchObject({ missed: 100, pardoned: 40 });
  look(100 + 3600, 0);
  expect(watch.outlook(10, false).pardoned).toBe(0);
});

test('a planner that looked on before openings were remembered has none', () => {
  const watch = new LoadWatch(rules, 10);
  for (let second = 0; second < 10; second++) watch.observe(seen(second, 6));
  const { opening: _, ...before } = watch.save();
  const again = new LoadWatch(rules, 10, before);
  again.observe(seen(30, 6, { lateWaiting: 9, latency: { requests: 100, violationShare: 0.5 } }));
  expect(again.outlook(10, false)).toMatchObject({ missed: 50, pardoned: 0 });
});
