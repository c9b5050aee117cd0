import { expect, test } from 'vitest';
import { RecordChain } from '../../src/cli/explain/chain.js';
import { transitionSchema } from '../../src/contract/transition.js';
import { recompute, recomputeStep } from '../../src/scheduler/planner-loop/replay.js';
import { policy } from '../planning/support.js';
import { World } from './world.js';

/** A life through every state. */
function life(): World {
  const world = new World(
    policy({ burstProtection: true, costOptimization: true, minWorkers: 1, loadPredictor: 'arima' }),
  );
  const some = { arrivals: 1, running: 1 };
  world.until('scaleUp');
  world.until('steady', some);
  world.tick({ arrivals: [...Array(37).fill(1), 20, 20, 20], running: 4, waiting: 5, waitingTokens: 400 });
  world.until('steady', some);
  world.until('costOptimize', some);
  world.until('steady', some);
  world.tick({ telemetryAge: 60 });
  world.tick(some);
  world.feed({ type: 'SET_FLOOR', now: world.now, min: 2 });
  world.feed({ type: 'PAUSE', now: world.now });
  world.feed({ type: 'RESUME', now: world.now });
  world.feed({ type: 'RESTORED', now: world.now });
  world.allocatorWorks = false;
  world.tick({ ...some, kvUsage: 0.9 });
  const generation = world.planner.memory.order?.generation ?? 0;
  world.feed({ type: 'ORDER_FAILED', now: world.now, generation, error: 'refused' });
  world.allocatorWorks = true;
  world.until('idle');
  return world;
}

test('every published transition is computed again from its record alone', () => {
  const world = life();
  expect(new Set(world.visited)).toEqual(
    new Set(['idle', 'steady', 'scaleUp', 'burstProtect', 'costOptimize', 'degraded', 'paused']),
  );
  for (const record of world.records) {
    const published = transitionSchema.parse(JSON.parse(JSON.stringify(record)));
    expect(recompute(published, world.policy)).toEqual(record);
  }
});

test('each decision follows from the one before it, whatever operators, restarts and failures bring', () => {
  const { decisions, policy: rules } = life();
  const chain = new RecordChain();
  expect(decisions.length).toBeGreaterThan(30);
  for (const decision of decisions)
    expect(chain.add(decision, recomputeStep(decision, rules)?.snapshot ?? null)).toEqual([]);
});

test('a different policy is seen in the replay', () => {
  const world = life();
  const surge = world.records.find(({ to }) => to === 'burstProtect');
  if (surge === undefined) throw new Error('no burst');
  expect(recompute(surge, { ...world.policy, burstProtection: false })?.to).not.toBe('burstProtect');
});

test('a record without its basis is refused', () => {
  const [record] = life().records;
  if (record === undefined) throw new Error('no record');
  const { basis: _, ...bare } = record;
  expect(() => recompute(bare, policy())).toThrow(/does not hold what it rested on/);
});
