import { describe, expect, test } from 'vitest';
import type { PoolPolicy } from '../../src/planning/policy.js';
import { policy } from '../planning/support.js';
import { World } from './world.js';

/** Load that one worker carries. */
const some = { arrivals: 1, running: 1 };

/** A pool that holds `ready` workers, in steady. */
function steady(ready: number, rules: Partial<PoolPolicy> = {}): World {
  const world = new World(policy({ minWorkers: ready, ...rules }));
  world.until('scaleUp');
  world.until('steady', some);
  return world;
}

describe('idle', () => {
  test('a pool without a floor and without traffic stays at nothing and orders nothing', () => {
    const world = new World(policy());
    world.run(60);
    expect([world.state, world.orders]).toEqual(['idle', []]);
  });

  test('the first order brings the floor', () => {
    const world = new World(policy({ minWorkers: 2 }));
    world.tick();
    expect(world.state).toBe('scaleUp');
    expect(world.orders).toMatchObject([{ generation: 1, decode: 2, reason: 'the floor is 2' }]);
  });

  test('a pool without traffic falls to its floor, here 0', () => {
    const world = new World(policy());
    world.tick({ waiting: 3, waitingTokens: 3000 });
    world.until('steady', some);
    world.until('idle');
    expect(world.orders.at(-1)).toMatchObject({ decode: 0 });
    expect(world.orders.at(-1)?.reason).toMatch(/no request for 30 s/);
  });

  test('a request that waits wakes it at once', () => {
    const world = new World(policy({ aggressiveness: 'conservative' }));
    world.run(5);
    world.tick({ waiting: 1, waitingTokens: 100 });
    expect(world.state).toBe('scaleUp');
    expect(world.orders).toMatchObject([{ decode: 1 }]);
  });

  test('without cost optimisation nothing drains as long as there is traffic', () => {
    const world = steady(3);
    world.policy.minWorkers = 1;
    world.run(300, { arrivals: 0.01, running: 1 });
    expect(world.desired).toBe(3);
    world.until('idle');
    expect(world.desired).toBe(1);
  });
});

describe('scaleUp', () => {
  test('lasts until what was granted is ready', () => {
    const world = steady(1);
    world.tick({ ...some, kvUsage: 0.9 });
    expect([world.state, world.desired]).toEqual(['scaleUp', 2]);
    world.run(9, some);
    expect(world.state).toBe('scaleUp');
    world.until('steady', some, 4);
    expect(world.orders.map(({ decode }) => decode)).toEqual([1, 2]);
  });

  test('more need raises the order in flight', () => {
    const world = steady(1);
    world.tick({ ...some, kvUsage: 0.9 });
    world.tick({ ...some, waitingTokens: 2000, waiting: 2 });
    expect([world.state, world.desired]).toEqual(['scaleUp', 4]);
  });

  test('a partial grant ends it with what came, and is not ordered in a loop', () => {
    const world = new World(policy({ minWorkers: 3 }));
    world.stock = 2;
    world.until('scaleUp');
    world.until('steady', some);
    world.run(100, { ...some, waitingTokens: 1500, waiting: 1 });
    expect(world.orders).toHaveLength(1);
    expect(world.desired).toBe(3);
  });

  test('workers that never come are not waited for without end', () => {
    const world = new World(policy({ minWorkers: 1 }));
    world.coldStartSeconds = 1_000_000;
    world.until('scaleUp');
    world.until('steady', { ...some, coldStart: 10 }, 70);
  });

  test('an order of before that waits for its answer keeps it', () => {
    const world = steady(1);
    world.allocatorWorks = false;
    world.tick({ ...some, kvUsage: 0.9 });
    world.run(5, some);
    expect(world.state).toBe('scaleUp');
    expect(world.planner.memory.order?.generation).toBe(2);
  });
});

describe('burstProtect', () => {
  const rules = { burstProtection: true, minWorkers: 1, costOptimization: true };
  const burst = { arrivals: [...Array(37).fill(1), 20, 20, 20], running: 4, waiting: 5, waitingTokens: 400 };

  test('surges to what the burst needs, at most the budget', () => {
    const world = steady(1, rules);
    world.tick(burst);
    expect([world.state, world.desired]).toEqual(['burstProtect', 4]);
    expect(world.orders.at(-1)?.reason).toMatch(/burst of 20 requests\/s \(1 before\)/);
  });

  test('holds until it was calm for the configured time, then gives up what it no longer needs', () => {
    const world = steady(1, rules);
    world.tick(burst);
    world.run(9, { arrivals: 0.1, running: 1 });
    expect([world.state, world.desired]).toEqual(['burstProtect', 4]);
    world.until('steady', some, 8);
    world.until('costOptimize', { arrivals: 0.1, running: 1 });
    expect(world.desired).toBe(3);
  });

  test('holds although no traffic is left', () => {
    const world = steady(1, { ...rules, idleAfterSeconds: 1 });
    world.tick(burst);
    world.run(9);
    expect([world.state, world.desired]).toEqual(['burstProtect', 4]);
    world.until('idle');
  });

  test('is left for scaleUp while its workers are still to come', () => {
    const world = steady(1, rules);
    world.coldStartSeconds = 40;
    world.tick(burst);
    world.run(11, some);
    expect(world.state).toBe('scaleUp');
  });

  test('a pool without burst protection takes the same burst by its thresholds', () => {
    const world = steady(1, { ...rules, burstProtection: false });
    world.tick(burst);
    expect(world.visited).not.toContain('burstProtect');
  });
});

describe('costOptimize', () => {
  const rules = { costOptimization: true };
  const wide = () => {
    const world = steady(3, rules);
    world.policy.minWorkers = 1;
    return world;
  };

  test('drains one worker at a time down to what the load needs', () => {
    const world = wide();
    world.until('costOptimize', some);
    expect(world.desired).toBe(2);
    world.until('steady', some);
    world.until('costOptimize', some);
    expect(world.desired).toBe(1);
    world.run(100, some);
    expect(world.desired).toBe(1);
  });

  test('takes the drain back as soon as load returns', () => {
    const world = wide();
    world.drainSeconds = 20;
    world.until('costOptimize', some);
    world.run(2, some);
    expect(world.state).toBe('costOptimize');
    world.tick({ arrivals: 6, running: 6 });
    expect([world.state, world.desired]).toEqual(['scaleUp', 3]);
    expect(world.orders.at(-1)?.reason).toMatch(/load returned before the drain ended/);
    world.tick({ arrivals: 6, running: 6 });
    world.tick({ arrivals: 6, running: 6 });
    expect(world.state).toBe('steady');
  });

  test('a pool without a floor gives up its last worker once all is silent, before it is idle', () => {
    const world = new World(policy({ costOptimization: true, lookAhead: 'reactive', idleAfterSeconds: 60 }));
    world.tick({ waiting: 1, waitingTokens: 100 });
    world.until('steady', some);
    world.until('costOptimize');
    expect(world.desired).toBe(0);
    world.until('idle');
  });
});

describe('degraded', () => {
  const stale = { telemetryAge: 9, arrivals: 0 };

  test.each([
    ['stale telemetry', { telemetryAge: 6 }],
    ['no telemetry', { telemetryAge: null }],
    ['a silent allocator', { allocatorAge: 11 }],
  ])('%s: the last good plan is held, however long', (_, seen) => {
    const world = steady(2, { costOptimization: true });
    const orders = world.orders.length;
    world.policy.minWorkers = 0;
    world.tick(seen);
    expect(world.state).toBe('degraded');
    world.run(600, seen);
    expect([world.state, world.desired, world.orders.length]).toEqual(['degraded', 2, orders]);
  });

  test('is left as soon as telemetry is back, without having counted the blind time as silence', () => {
    const world = steady(2);
    world.policy.minWorkers = 0;
    world.run(100, stale);
    world.tick();
    expect(world.state).toBe('steady');
    world.run(20);
    expect(world.desired).toBe(2);
    world.until('idle');
  });

  test('is left for scaleUp while ordered workers are still missing', () => {
    const world = steady(1);
    world.tick({ ...some, kvUsage: 0.9 });
    world.tick(stale);
    world.tick(some);
    expect(world.state).toBe('scaleUp');
  });

  test('orders that fail are ordered again with growing waits, each under its own generation', () => {
    const world = steady(1);
    world.allocatorWorks = false;
    world.tick({ ...some, kvUsage: 0.9 });
    const sent: number[] = [];
    for (let second = 0; second < 30; second++) {
      const { order } = world.planner.memory;
      if (order !== null) {
        sent.push(second);
        world.feed({ type: 'ORDER_FAILED', now: world.now, generation: order.generation, error: 'refused' });
      }
      expect(world.state).toBe('degraded');
      world.tick(some);
    }
    // waits of 1, 2, 4, 8 s
    expect(sent).toEqual([0, 1, 3, 7, 15]);
    expect(world.orders.map(({ generation }) => generation)).toEqual(world.orders.map((_, i) => i + 1));
    expect(world.desired).toBe(2);
    world.allocatorWorks = true;
    world.until('scaleUp', some);
    world.until('steady', some);
  });

  test('a scale-down that failed is given up', () => {
    const world = steady(2, { costOptimization: true });
    world.policy.minWorkers = 1;
    world.allocatorWorks = false;
    world.until('costOptimize', some);
    const generation = world.planner.memory.order?.generation ?? 0;
    world.feed({ type: 'ORDER_FAILED', now: world.now, generation, error: 'refused' });
    expect([world.state, world.desired]).toEqual(['degraded', 2]);
  });

  test('the failure of an older order changes nothing', () => {
    const world = steady(1);
    world.feed({ type: 'ORDER_FAILED', now: world.now, generation: 1, error: 'late' });
    expect(world.state).toBe('steady');
  });
});

describe('operators', () => {
  test('a paused planner orders nothing, whatever it sees, and goes on when told', () => {
    const world = steady(1);
    const orders = world.orders.length;
    world.feed({ type: 'PAUSE', now: world.now });
    world.run(60, { kvUsage: 1.5, waitingTokens: 9999, waiting: 9 });
    world.run(60, { telemetryAge: null });
    expect([world.state, world.orders.length]).toEqual(['paused', orders]);
    world.feed({ type: 'RESUME', now: world.now });
    expect(world.state).toBe('steady');
    world.tick({ kvUsage: 0.9 });
    expect(world.state).toBe('scaleUp');
  });

  test('a floor is brought up at once, and let go when the pool is idle', () => {
    const world = new World(policy());
    world.run(3);
    world.feed({ type: 'SET_FLOOR', now: world.now, min: 2 });
    world.tick();
    expect([world.state, world.desired]).toEqual(['scaleUp', 2]);
    world.until('idle');
    expect(world.desired).toBe(2);
    world.feed({ type: 'SET_FLOOR', now: world.now, min: 0 });
    world.tick();
    expect([world.state, world.desired]).toEqual(['idle', 0]);
  });

  test('a floor beyond the limits is cut to them', () => {
    const world = new World(policy({ gpuCeiling: 3 }));
    world.feed({ type: 'SET_FLOOR', now: world.now, min: 4000 });
    world.until('scaleUp');
    expect(world.desired).toBe(3);
  });
});

test('each record tells its numbers, and sequences rise by one', () => {
  const world = steady(1);
  world.tick({ ...some, kvUsage: 0.9 });
  world.until('steady', some);
  world.until('idle');
  expect(world.records.map(({ sequence }) => sequence)).toEqual(world.records.map((_, i) => i + 1));
  const up = world.records.find(({ from, to }) => from === 'steady' && to === 'scaleUp');
  expect(up).toMatchObject({ numbers: { decodeKvLoad: 0.9, ready: 1, desired: 1 }, order: { decode: 2 } });
  expect(up?.reason).toMatch(/decode-KV load 0.9 over 0.5/);
});
