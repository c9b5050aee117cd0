import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PlannerEvent } from '../../machines/planner-types.js';
import type { PoolPolicy } from '../../src/planning/policy.js';
import { exceeds, fits, floorOf, trim } from '../../src/planning/replicas.js';
import { snapshotSchema } from '../../src/scheduler/planner-loop/snapshot.js';
import { step, tick } from '../../src/scheduler/planner-loop/step.js';
import { facts, policy } from '../planning/support.js';
import { World } from './world.js';

const maybe = <V>(value: fc.Arbitrary<V>) => fc.option(value, { nil: null, freq: 6 });
const amount = fc.oneof(
  { weight: 4, arbitrary: fc.double({ min: 0, max: 20, noNaN: true }) },
  { weight: 1, arbitrary: fc.double({ min: 0, max: 1e12, noNaN: true }) },
);
const seconds = maybe(fc.double({ min: 0, max: 12, noNaN: true }));

const seen = fc.record(
  {
    waiting: maybe(fc.nat(50)),
    waitingTokens: maybe(amount),
    arrivals: fc.oneof(fc.nat(8), fc.array(maybe(amount), { minLength: 10, maxLength: 40 })),
    running: maybe(fc.nat(50)),
    kvUsage: maybe(fc.double({ min: 0, max: 2, noNaN: true })),
    latency: fc.record({
      requests: fc.nat(60),
      ttftSeconds: maybe(amount),
      violationShare: maybe(fc.constant(0.5)),
    }),
    telemetryAge: seconds,
    allocatorAge: maybe(fc.nat(12)),
    coldStart: maybe(fc.nat(100)),
  },
  { requiredKeys: [] },
);
type Seen = typeof seen extends fc.Arbitrary<infer S> ? S : never;

type Happening =
  | { kind: 'ticks'; count: number; seen: Seen }
  | { kind: 'event'; event: 'PAUSE' | 'RESUME' | 'RESTORED' }
  | { kind: 'floor'; min: number }
  | { kind: 'failure' }
  | { kind: 'allocator'; works: boolean }
  | { kind: 'stock'; workers: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('ticks' as const),
      count: fc.integer({ min: 1, max: 30 }),
      seen,
    }),
  },
  fc.record({
    kind: fc.constant('event' as const),
    event: fc.constantFrom('PAUSE' as const, 'RESUME' as const, 'RESTORED' as const),
  }),
  fc.record({ kind: fc.constant('floor' as const), min: fc.nat(9) }),
  fc.record({ kind: fc.constant('failure' as const) }),
  fc.record({ kind: fc.constant('allocator' as const), works: fc.boolean() }),
  fc.record({ kind: fc.constant('stock' as const), workers: fc.nat(4) }),
);

const rules: fc.Arbitrary<PoolPolicy> = fc
  .record({
    tp: fc.constantFrom({ prefill: 1, decode: 1 }, { prefill: 1, decode: 2 }),
    gpuCeiling: fc.integer({ min: 2, max: 6 }),
    maxWorkers: fc.integer({ min: 1, max: 4 }),
    minWorkers: fc.nat(2),
    aggressiveness: fc.constantFrom('aggressive' as const, 'balanced' as const, 'conservative' as const),
    lookAhead: fc.constantFrom('proactive' as const, 'moderate' as const, 'reactive' as const),
    burstProtection: fc.boolean(),
    costOptimization: fc.boolean(),
    disaggregated: fc.boolean(),
    loadPredictor: fc.constantFrom('constant' as const, 'linear' as const, 'arima' as const),
  })
  .map((fields) => policy({ ...fields, minPrefill: fields.disaggregated ? 1 : 0 }));

function happen(world: World, one: Happening, check: (seen: Seen | null) => void): void {
  const { now } = world;
  switch (one.kind) {
    case 'ticks':
      for (let i = 0; i < one.count; i++) {
        world.tick(one.seen);
        check(one.seen);
      }
      return;
    case 'event':
      world.feed({ type: one.event, now });
      break;
    case 'floor':
      world.feed({ type: 'SET_FLOOR', now, min: one.min });
      break;
    case 'failure': {
      const generation = world.planner.memory.order?.generation ?? 0;
      world.feed({ type: 'ORDER_FAILED', now, generation, error: 'refused' });
      break;
    }
    case 'allocator':
      world.allocatorWorks = one.works;
      break;
    case 'stock':
      world.stock = one.workers;
      break;
  }
  check(null);
}

const isBlind = (seen: Seen | null) =>
  seen !== null && (seen.telemetryAge === null || (seen.telemetryAge ?? 0) > 5);

test('whatever happens: within limits, above the floor, generations rise, blind never shrinks', () => {
  fc.assert(
    fc.property(rules, fc.array(happening, { maxLength: 25 }), (p, story) => {
      const world = new World(p);
      let desired = world.planner.memory.desired;
      let generation = 0;
      let sent = world.planner.memory.order;
      for (const one of story) {
        happen(world, one, (looked) => {
          const { memory, state } = world.planner;
          expect(fits(memory.desired, p)).toBe(true);
          expect(memory.generation).toBeGreaterThanOrEqual(generation);
          if (isBlind(looked)) {
            expect(['degraded', 'paused']).toContain(state);
            expect(exceeds(desired, memory.desired)).toBe(false);
          }
          const isNew = memory.order !== null && memory.order !== sent;
          if (isNew) expect(memory.order?.generation).toBeGreaterThan(generation);
          expect(memory.generation > generation).toBe(isNew);
          const order = isNew ? memory.order : null;
          if (order !== null && state !== 'degraded')
            expect(order.decode).toBeGreaterThanOrEqual(floorOf(memory.floor ?? p.minWorkers, p).decode);
          ({ desired, generation, order: sent } = memory);
        });
      }
    }),
    { numRuns: 150 },
  );
}, 60_000);

test('a floor that fits goes before what else is wanted of a short budget', () => {
  const world = new World(policy({ disaggregated: true, minPrefill: 1 }));
  world.feed({ type: 'SET_FLOOR', now: world.now, min: 3 });
  world.tick({ waiting: 50, waitingTokens: 100_000, arrivals: 20 });
  expect(world.planner.memory.desired).toEqual({ prefill: 1, decode: 3 });
});

test('a floor set later is whole too, where a worker of the other role held its place, and in a burst', () => {
  const world = new World(policy({ disaggregated: true, minPrefill: 1 }));
  world.until('steady', { waiting: 1 });
  const late = { requests: 10, ttftSeconds: null, violationShare: 0.5 };
  for (let i = 0; i < 20 && world.planner.memory.desired.prefill < 2; i++) world.tick({ latency: late });
  expect(world.planner.memory.desired).toEqual({ prefill: 2, decode: 1 });
  world.feed({ type: 'SET_FLOOR', now: world.now, min: 3 });
  world.tick();
  expect(world.planner.memory.desired).toEqual({ prefill: 1, decode: 3 });

  // The burst alone needs (6 + (6 - 4) x 10 / 10) / (4 x 0.5) = 4.
  const bursty = new World(policy({ burstProtection: true, gpuCeiling: 8, maxWorkers: 8 }));
  bursty.until('steady', { arrivals: 1, running: 1 });
  bursty.feed({ type: 'SET_FLOOR', now: bursty.now, min: 6 });
  bursty.tick({ arrivals: [...Array(37).fill(1), 6, 6, 6], running: 5 });
  expect(bursty.state).toBe('burstProtect');
  expect(bursty.planner.memory.desired.decode).toBe(6);
});

test('never stuck: from wherever it came to, telemetry, an allocator and an operator lead back to steady', () => {
  fc.assert(
    fc.property(rules, fc.array(happening, { maxLength: 15 }), (p, story) => {
      const world = new World(p);
      for (const one of story) happen(world, one, () => {});
      world.allocatorWorks = true;
      world.stock = 99;
      world.feed({ type: 'RESUME', now: world.now });
      // One request every few seconds: enough for traffic, too little to need anything.
      world.until('steady', { arrivals: 0.2, running: 1, kvUsage: 0.3, latency: { requests: 0 } }, 300);
    }),
    { numRuns: 150 },
  );
}, 60_000);

test('a snapshot that went through JSON decides what the original decides', () => {
  fc.assert(
    fc.property(rules, fc.array(happening, { maxLength: 12 }), seen, (p, story, next) => {
      const world = new World(p);
      for (const one of story) happen(world, one, () => {});
      const restored = snapshotSchema.parse(JSON.parse(JSON.stringify(world.planner)));
      expect(restored).toEqual(world.planner);
      const now = world.now + 1000;
      const look = { observation: world.observe({ at: now, ...next }), policy: p, facts, now };
      expect(tick(restored, look)).toEqual(tick(world.planner, look));
      const events: PlannerEvent[] = [
        { type: 'ORDER_CONFIRMED', now, generation: 99 },
        { type: 'PAUSE', now },
        { type: 'RESUME', now },
      ];
      for (const event of events) expect(step(restored, event)).toEqual(step(world.planner, event));
    }),
    { numRuns: 100 },
  );
}, 60_000);

test('a pool whose limits shrank is brought inside them', () => {
  const world = new World(policy({ minWorkers: 4 }));
  world.until('scaleUp');
  world.until('steady', { arrivals: 1, running: 1 });
  world.policy.gpuCeiling = 2;
  world.tick({ arrivals: 1, running: 1 });
  expect(world.planner.memory.desired).toEqual(trim({ prefill: 0, decode: 4 }, world.policy));
});
