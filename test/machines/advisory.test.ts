import { expect, test } from 'vitest';
import { recompute } from '../../src/scheduler/planner-loop/replay.js';
import { policy } from '../planning/support.js';
import { World } from './world.js';

const BUSY = { arrivals: 3, running: 3, kvUsage: 0.9 };

/** A pool that holds one worker and is then moved to advisory. */
function advised(): World {
  const world = new World(policy({ minWorkers: 1 }));
  world.until('steady', { arrivals: 1, running: 1 });
  world.feed({ type: 'SET_ADVISORY', now: world.now, on: true });
  return world;
}

test('in advisory mode load orders nothing, and the record says what would have been ordered', () => {
  const world = advised();
  const before = world.orders.length;
  const { generation } = world.planner.memory;
  for (let tick = 0; tick < 30; tick++) world.tick(BUSY);
  expect(world.orders).toHaveLength(before);
  expect(world.planner.memory).toMatchObject({ generation, desired: { prefill: 0, decode: 1 } });
  const advice = world.records.filter((record) => record.advice);
  expect(advice).toHaveLength(1);
  expect(advice[0]).toMatchObject({ order: null, advice: { prefill: 0, decode: 2 } });
  expect(advice[0]?.reason).toMatch(/^advisory: would order 2: /);
});

test('advice is computed again from its record, published or not', () => {
  const world = advised();
  const decisions = Array.from({ length: 30 }, () => world.tick(BUSY).decision).filter((one) => one !== null);
  expect(decisions.length).toBeGreaterThan(3);
  for (const decision of decisions) expect(recompute(decision)).toEqual(decision);
});

test('out of advisory mode the planner orders again', () => {
  const world = advised();
  for (let tick = 0; tick < 10; tick++) world.tick(BUSY);
  world.feed({ type: 'SET_ADVISORY', now: world.now, on: false });
  for (let tick = 0; tick < 10; tick++) world.tick(BUSY);
  expect(world.orders.at(-1)).toMatchObject({ decode: 2 });
});

test('a pool that is configured for advice advises from its first look, until an operator says otherwise', () => {
  const world = new World(policy({ minWorkers: 1, advisory: true }));
  for (let tick = 0; tick < 10; tick++) world.tick(BUSY);
  expect(world.orders).toEqual([]);
  world.feed({ type: 'SET_ADVISORY', now: world.now, on: false });
  world.tick(BUSY);
  expect(world.orders.length).toBeGreaterThan(0);
});
