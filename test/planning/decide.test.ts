import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../src/planning/decide.js';
import type { PoolPolicy } from '../../src/planning/policy.js';
import { fast, granted, memory, observation, plan, policy, T } from './support.js';

describe('saturation', () => {
  test('prefill-queue load over its threshold asks for as many workers as bring it to the threshold', () => {
    // 1,600 tokens / (1 worker x 1,000 tokens/s) / 1 s = 1.6 > 0.5; 1,600 / (1,000 x 1 x 0.5) = 3.2 -> 4 workers
    const seen = observation({ ready: 1, waitingTokens: 1600, waiting: 1, grant: granted(1) });
    const { more, numbers } = plan(seen, memory(1, fast));
    expect(more?.replicas).toEqual({ prefill: 0, decode: 4 });
    expect(numbers.prefillQueueLoad).toBeCloseTo(1.6);
    expect(more?.why).toMatch(/prefill-queue load 1.6 over 0.5/);
  });

  test('decode-KV load likewise', () => {
    // 2 workers at 0.6: 1.2 workers' worth; 1.2 / 0.5 = 2.4 -> 3
    const seen = observation({ ready: 2, kvUsage: 0.6, grant: granted(2) });
    expect(plan(seen, memory(2, fast)).more?.replicas.decode).toBe(3);
  });

  test('bad latency of the past asks for nothing where no worker is ready', () => {
    const latency = { requests: 100, ttftSeconds: 9, itlSeconds: 0.01, violationShare: 1 };
    const bad = (ready: number) => observation({ ready, latency, grant: granted(ready) });
    expect(plan(bad(1), memory(1, fast)).more?.replicas.decode).toBe(2);
    expect(plan(bad(0), memory(0, fast)).more).toBeNull();
  });

  test('what is already on its way is not ordered again', () => {
    const seen = observation({ ready: 1, waitingTokens: 1600, waiting: 1, grant: granted(4) });
    expect(plan(seen, memory(4, fast)).more).toBeNull();
  });

  test('a partial grant is not ordered again either, and does not count as short', () => {
    const seen = observation({
      ready: 2,
      waitingTokens: 1500,
      waiting: 1,
      grant: granted(2, { shortage: 'inventory' }),
    });
    const { more, arrived, restate } = plan(seen, memory(3, fast));
    expect({ more, restate, arrived: arrived.is }).toEqual({ more: null, restate: null, arrived: true });
  });

  test('latency over target x buffer asks for one more, with enough samples', () => {
    const slow = (requests: number) =>
      observation({ ready: 1, latency: { requests, ttftSeconds: 1.1 }, grant: granted(1) });
    expect(plan(slow(9), memory(1, fast)).more).toBeNull();
    expect(plan(slow(10), memory(1, fast)).more?.replicas.decode).toBe(2);
  });

  test('latency seen while workers were still missing does not', () => {
    const seen = observation({ ready: 1, latency: { requests: 50, ttftSeconds: 1.1 }, grant: granted(1) });
    const at = (ms: number) => memory(1, { ...fast, lastShortAtMs: T - ms });
    expect(plan(seen, at(19_000)).more).toBeNull();
    expect(plan(seen, at(20_000)).more?.replicas.decode).toBe(2);
  });

  test('more violations than allowed ask for one more even where the percentile holds', () => {
    const latency = { requests: 50, ttftSeconds: 0.5, itlSeconds: 0.01, violationShare: 0.11 };
    expect(plan(observation({ ready: 1, latency, grant: granted(1) }), memory(1, fast)).more?.why).toMatch(
      /11 % of 50 requests missed their SLO, 10 % allowed/,
    );
  });

  test.each([
    ['aggressive', [5]],
    // 1 + half of 4
    ['balanced', [null, 3]],
    ['conservative', [null, null, 2]],
  ] as const)('%s: sightings and step', (aggressiveness, orders) => {
    const seen = observation({ ready: 1, waitingTokens: 2500, waiting: 1, grant: granted(1) });
    let has = memory(1, fast);
    const rules = { aggressiveness, maxWorkers: 9, gpuCeiling: 9 };
    for (const expected of orders) {
      const { more, memory: next } = plan(seen, has, rules);
      expect(more?.replicas.decode ?? null).toBe(expected);
      has = next;
    }
  });

  test('a sighting that is not confirmed counts from one again', () => {
    const over = observation({ ready: 1, kvUsage: 0.9, grant: granted(1) });
    const under = observation({ ready: 1, kvUsage: 0.1, grant: granted(1) });
    let has = memory(1, fast);
    for (const seen of [over, under, over]) {
      const { more, memory: next } = plan(seen, has, { aggressiveness: 'balanced' });
      expect(more).toBeNull();
      has = next;
    }
  });

  test('budget and most workers bound every order, and the reason says so', () => {
    const seen = observation({ ready: 1, waitingTokens: 9000, waiting: 1, grant: granted(1) });
    const { more } = plan(seen, memory(1, fast), {
      gpuCeiling: 5,
      tp: { prefill: 2, decode: 2 },
      maxWorkers: 9,
    });
    expect(more?.replicas.decode).toBe(2);
    expect(more?.why).toMatch(/limits allow 2 of 18/);
  });

  test('a disaggregated pool answers prompts with prefill workers and KV with decode workers', () => {
    const rules = { disaggregated: true, minPrefill: 1, maxWorkers: 9, gpuCeiling: 9 };
    const has = memory(1, { ...fast, desired: { prefill: 1, decode: 1 } });
    const grant = granted(1, { prefill: 1 });
    const prompts = observation({ ready: 1, readyPrefill: 1, waitingTokens: 1500, waiting: 1, grant });
    expect(plan(prompts, has, rules).more?.replicas).toEqual({ prefill: 3, decode: 1 });
    const kv = observation({ ready: 1, readyPrefill: 1, kvUsage: 0.9, grant });
    expect(plan(kv, has, rules).more?.replicas).toEqual({ prefill: 1, decode: 2 });
  });
});

describe('the slow loop', () => {
  const busy = (rps: number, ready: number) =>
    observation({ ready, arrivals: rps, running: 1, grant: granted(ready) });

  test('sizes from the forecast: rate over capacity x buffer', () => {
    // 5 / (4 x 0.5) = 2.5 -> 3
    const { more } = plan(busy(5, 1), memory(1));
    expect(more?.replicas.decode).toBe(3);
    expect(more?.why).toMatch(/5 requests\/s forecast in 15 s need 3/);
  });

  test('runs once an interval', () => {
    const first = plan(busy(5, 1), memory(1));
    expect(first.memory.lastSlowAtMs).toBe(T);
    expect(plan(busy(5, 1), memory(1, { lastSlowAtMs: T - 4999 })).more).toBeNull();
    expect(plan(busy(5, 1), memory(1, { lastSlowAtMs: T - 5000 })).more).not.toBeNull();
  });

  test('looks a cold start and an interval ahead, half of it, or not at all', () => {
    // 1 rps more in each of 40 seconds, bins of 2 s: a line that rises by 1 each second.
    const ramp = Array.from({ length: 40 }, (_, t) => t / 10);
    const at = (lookAhead: PoolPolicy['lookAhead']) =>
      plan(observation({ ready: 2, arrivals: ramp, running: 1, grant: granted(2) }), memory(2), {
        lookAhead,
        loadPredictor: 'linear',
        gpuCeiling: 9,
        maxWorkers: 9,
      });
    expect(at('proactive').numbers.horizonSeconds).toBe(15);
    expect(at('moderate').numbers.horizonSeconds).toBe(7.5);
    expect(at('proactive').numbers.forecastRps).toBeGreaterThan(Number(at('moderate').numbers.forecastRps));
    expect(at('reactive').numbers.forecastRps).toBeNull();
    expect(at('reactive').more).toBeNull();
  });

  test('a measured cold start goes before the configured one', () => {
    const seen = observation({ ready: 1, arrivals: 1, running: 1, coldStart: 100, grant: granted(1) });
    expect(plan(seen, memory(1)).numbers.horizonSeconds).toBe(105);
  });
});

describe('cost optimisation', () => {
  const rules = { costOptimization: true };
  const calm = (overrides: Parameters<typeof observation>[0] = {}) =>
    observation({ ready: 2, arrivals: 1, running: 1, grant: granted(2), ...overrides });

  test('gives up one worker that the forecast does not need', () => {
    // one worker: 4 x 0.5 = 2 >= 1 x 1.2
    expect(plan(calm(), memory(2), rules).fewer?.replicas).toEqual({ prefill: 0, decode: 1 });
  });

  test('does not where it is off, in the fast loop, or close to what stays could carry', () => {
    expect(plan(calm(), memory(2), {}).fewer).toBeNull();
    expect(plan(calm(), memory(2, fast), rules).fewer).toBeNull();
    expect(plan(calm({ arrivals: 1.9 }), memory(2), rules).fewer).toBeNull();
    expect(plan(calm({ kvUsage: 0.25 }), memory(2), rules).fewer).toBeNull();
    expect(plan(calm({ waitingTokens: 500 }), memory(2), rules).fewer).toBeNull();
  });

  test('not within a cold start of a scale-up', () => {
    expect(plan(calm(), memory(2, { lastMoreAtMs: T - 9_999 }), rules).fewer).toBeNull();
    expect(plan(calm(), memory(2, { lastMoreAtMs: T - 10_000 }), rules).fewer).not.toBeNull();
  });

  test('not below the floor, and to nothing only when nothing runs, waits or is forecast', () => {
    const silent = { ready: 1, arrivals: 0, running: 0, grant: granted(1) };
    expect(plan(observation(silent), memory(1), rules).fewer?.replicas).toEqual({ prefill: 0, decode: 0 });
    expect(plan(observation(silent), memory(1), { ...rules, minWorkers: 1 }).fewer).toBeNull();
    expect(plan(observation({ ...silent, running: 1 }), memory(1), rules).fewer).toBeNull();
    expect(plan(observation({ ...silent, arrivals: 0.1 }), memory(1), rules).fewer).toBeNull();
  });

  test.each([
    ['KV usage', { kvUsage: null }],
    ['queue', { waiting: null }],
    ['waiting tokens', { waitingTokens: null }],
    ['running requests', { running: null }],
    ['arrivals', { arrivals: Array(40).fill(null) }],
  ])('not while %s is unknown', (_, unknown) => {
    expect(plan(calm(unknown), memory(2), rules).fewer).toBeNull();
  });

  test('load that returns takes the drain back at once, without sightings', () => {
    const has = memory(1, { ...fast, drainFrom: { prefill: 0, decode: 2 }, generation: 1 });
    // 3 requests/s over the 2 that one worker is planned for
    const seen = observation({ ready: 1, draining: 1, arrivals: 3, running: 3, grant: granted(1) });
    const { more } = plan(seen, has, { ...rules, aggressiveness: 'conservative' });
    expect(more?.replicas.decode).toBe(2);
    expect(more?.why).toMatch(/load returned before the drain ended/);
  });
});

describe('idle', () => {
  test('after the configured time without traffic, and then to the floor', () => {
    const has = memory(2, { ...fast, lastTrafficAtMs: T - 30_000 });
    const seen = observation({ ready: 2, grant: granted(2) });
    expect(plan(seen, has).floor?.replicas.decode).toBe(0);
    expect(plan(seen, has, { minWorkers: 1 }).floor?.replicas.decode).toBe(1);
    expect(plan(seen, memory(2, { lastTrafficAtMs: T - 29_999 })).idle.is).toBe(false);
  });

  test("an operator's floor goes before the configured one, either way", () => {
    const has = (floor: number) => memory(2, { ...fast, floor, lastTrafficAtMs: T - 30_000 });
    const seen = observation({ ready: 2, grant: granted(2) });
    expect(plan(seen, has(1)).floor?.replicas.decode).toBe(1);
    expect(plan(seen, has(0), { minWorkers: 1 }).floor?.replicas.decode).toBe(0);
    expect(plan(seen, has(3)).more?.replicas.decode).toBe(3);
  });

  test.each([
    ['a request runs', { running: 1 }],
    ['a request waits', { waiting: 1 }],
    ['the number of running requests is unknown', { running: null }],
    ['a request came 20 s ago', { arrivals: [...Array(19).fill(0), 1, ...Array(20).fill(0)] }],
    ['nobody counted a second 20 s ago', { arrivals: [...Array(19).fill(0), null, ...Array(20).fill(0)] }],
    ['no second is known', { arrivals: Array(40).fill(null) }],
  ])('not while %s', (_, unlike) => {
    const has = memory(2, { ...fast, lastTrafficAtMs: T - 60_000 });
    expect(plan(observation({ ready: 2, grant: granted(2), ...unlike }), has).idle.is).toBe(false);
  });

  test('the newest second not being counted yet does not keep a pool awake', () => {
    const has = memory(2, { ...fast, lastTrafficAtMs: T - 60_000 });
    const seen = observation({ ready: 2, grant: granted(2), arrivals: [...Array(39).fill(0), null] });
    expect(plan(seen, has).idle.is).toBe(true);
  });

  test('a request that waits wakes a pool of no workers at once, whatever its aggressiveness', () => {
    const seen = observation({ waiting: 1, waitingTokens: 500 });
    for (const aggressiveness of ['aggressive', 'balanced', 'conservative'] as const)
      expect(plan(seen, memory(0, fast), { aggressiveness }).more?.replicas.decode).toBeGreaterThanOrEqual(1);
  });
});

describe('missing ground', () => {
  const busy = { ready: 1, waitingTokens: 5000, waiting: 9, arrivals: 9, grant: granted(1) };
  test.each([
    ['nothing was observed', null, /no telemetry/],
    ['there is no telemetry', observation({ ...busy, telemetryAge: null }), /no telemetry/],
    ['telemetry is stale', observation({ ...busy, telemetryAge: 5.1 }), /telemetry is 5.1 s old/],
    ['the observation itself is old', observation({ ...busy, at: T - 6000 }), /6.5 s old/],
    ['the allocator was never heard', observation({ ...busy, allocatorAge: null }), /never heard/],
    ['the allocator is silent', observation({ ...busy, allocatorAge: 11 }), /silent for 11 s/],
  ])('%s: hold', (_, seen, why) => {
    const { blind, reason, more, fewer, floor, surge, restate } = plan(seen, memory(1), {
      costOptimization: true,
    });
    expect(blind.is).toBe(true);
    expect(reason).toMatch(/^hold: /);
    expect(reason).toMatch(why);
    expect([more, fewer, floor, surge, restate]).toEqual([null, null, null, null, null]);
  });

  test('failed orders are ordered again once the wait is over, and never for less than is held', () => {
    const has = memory(1, { failures: 1, retryAtMs: T });
    const seen = observation({ ready: 2, grant: granted(2) });
    expect(plan(seen, has, {}, T - 1).restate).toBeNull();
    expect(plan(seen, has).restate?.replicas.decode).toBe(2);
  });

  test('an order without an answer for long counts as failing', () => {
    const order = { pool: 'p', generation: 2, prefill: 0, decode: 2, reason: 'r', observationId: 'o' };
    const has = memory(2, { order, orderedAtMs: T - 30_001 });
    expect(plan(observation({ ready: 1, grant: granted(1) }), has).blind.is).toBe(true);
  });

  test('while something is unknown the reason says what', () => {
    const seen = observation({ ready: 1, kvUsage: null, waitingTokens: null, grant: granted(1) });
    expect(plan(seen, memory(1, fast)).reason).toBe('hold: waiting tokens, KV usage unknown');
  });
});

describe('the same plan again', () => {
  test('when the ledger lost the order, or holds a newer one', () => {
    const lost = observation({ ready: 1, grant: null });
    expect(plan(lost, memory(1, fast)).restate?.why).toMatch(/lost order 1/);
    const newer = observation({ ready: 1, grant: granted(1, { generation: 5 }) });
    const { restate, seenGeneration } = plan(newer, memory(1, fast));
    expect(restate?.why).toMatch(/holds order 5, newer than 1/);
    expect(seenGeneration).toBe(5);
  });

  test('when workers were given up as crashing, a minute later', () => {
    const seen = observation({ ready: 0, grant: granted(0, { shortage: 'crash-loop' }) });
    expect(plan(seen, memory(1, { ...fast, orderedAtMs: T - 59_999 })).restate).toBeNull();
    expect(plan(seen, memory(1, { ...fast, orderedAtMs: T - 60_000 })).restate?.replicas.decode).toBe(1);
  });

  test('when the limits shrank below it', () => {
    const seen = observation({ ready: 3, grant: granted(3) });
    expect(plan(seen, memory(3, fast), { maxWorkers: 2 }).restate?.replicas.decode).toBe(2);
  });
});

const maybe = <V>(value: fc.Arbitrary<V>) => fc.option(value, { nil: null });
const amount = fc.oneof(
  fc.double({ min: 0, max: 1e15, noNaN: true }),
  fc.double({ min: 0, max: 10, noNaN: true }),
);
const share = fc.double({ min: 0, max: 1, noNaN: true });
const few = fc.integer({ min: 0, max: 6 });

/** Any policy that a configuration could hold. */
const anyPolicy: fc.Arbitrary<PoolPolicy> = fc
  .record({
    tp: fc.record({ prefill: fc.constantFrom(1, 2, 4), decode: fc.constantFrom(1, 2, 4) }),
    gpuCeiling: few,
    maxWorkers: few,
    minWorkers: few,
    thresholds: fc.record({ prefillQueue: share, decodeKv: share }),
    aggressiveness: fc.constantFrom('aggressive' as const, 'balanced' as const, 'conservative' as const),
    lookAhead: fc.constantFrom('proactive' as const, 'moderate' as const, 'reactive' as const),
    burstProtection: fc.boolean(),
    costOptimization: fc.boolean(),
    buffer: share,
    latencyPercentile: fc.double({ min: 0, max: 100, noNaN: true }),
    violationsAllowed: share,
    loadPredictor: fc.constantFrom('constant' as const, 'linear' as const, 'arima' as const),
    targets: fc.record({ ttftSeconds: amount, itlSeconds: amount }),
    disaggregated: fc.boolean(),
    minPrefill: few,
  })
  .map((fields) => policy(fields));

const anyObservation = fc
  .record({
    ready: few,
    readyPrefill: few,
    draining: few,
    waiting: maybe(amount),
    waitingTokens: maybe(amount),
    arrivals: fc.array(maybe(amount), { maxLength: 60 }),
    running: maybe(amount),
    kvUsage: maybe(amount),
    latency: fc.record({
      requests: amount,
      ttftSeconds: maybe(amount),
      itlSeconds: maybe(amount),
      violationShare: maybe(share),
    }),
    telemetryAge: maybe(fc.double({ min: 0, max: 10, noNaN: true })),
    coldStart: maybe(amount),
  })
  .map((seen) => observation(seen));

test('decide is a pure function that no policy and no observation makes throw', () => {
  const anyFacts = fc.record({
    rps: fc.record({ prefill: amount, decode: amount }),
    prefillTokensPerSecond: amount,
    coldStartSeconds: amount,
    model: fc.constant(null),
  });
  fc.assert(
    fc.property(anyPolicy, anyObservation, anyFacts, few, (rules, seen, known, decode) => {
      const input = { observation: seen, policy: rules, facts: known, memory: memory(decode), now: T };
      const before = structuredClone(input);
      const first = decide(input);
      expect(input).toEqual(before);
      expect(decide(before)).toEqual(first);
      for (const proposal of [first.more, first.surge, first.fewer, first.floor]) {
        if (proposal === null) continue;
        const { prefill, decode: d } = proposal.replicas;
        expect(Number.isInteger(prefill) && Number.isInteger(d)).toBe(true);
        expect(proposal.why.length).toBeGreaterThan(0);
      }
    }),
    { numRuns: 500 },
  );
});
