import fc from 'fast-check';
import { expect, test } from 'vitest';
import { explainRecord } from '../../src/cli/explain/words.js';
import { transitionSchema } from '../../src/contract/transition.js';
import { fits } from '../../src/planning/replicas.js';
import { recompute } from '../../src/scheduler/planner-loop/replay.js';
import { auto, both } from '../planning/form/support.js';
import { World } from './world.js';

const busy = (rps: number) => ({ arrivals: rps, running: 1 });

/** Little load, much of it, little again, each for longer than a form is held. */
function life(): World {
  const world = new World(auto({ minWorkers: 1 }), both);
  for (const rps of [1, 16, 1]) world.run(1000, busy(rps));
  return world;
}

/** Forms in order, each with when it was ordered first. */
function formsOf(world: World): { split: boolean; atMs: number }[] {
  const forms: { split: boolean; atMs: number }[] = [];
  for (const { order, atMs } of world.records) {
    if (order === null) continue;
    const split = order.prefill > 0;
    if (forms.at(-1)?.split !== split) forms.push({ split, atMs });
  }
  return forms;
}

test('a pool whose load grows and falls is disaggregated for as long as that is cheaper', () => {
  const world = life();
  expect(formsOf(world).map(({ split }) => split)).toEqual([false, true, false]);
  expect(world.orders.at(-1)).toMatchObject({ prefill: 0, decode: 1 });
});

test('records of both forms are computed again from themselves, and told', () => {
  const world = life();
  const texts: string[] = [];
  for (const record of world.records) {
    const published = transitionSchema.parse(JSON.parse(JSON.stringify(record)));
    expect(recompute(published)).toEqual(record);
    texts.push(explainRecord(record, 2));
  }
  const told = texts.join('\n');
  expect(told).toContain('change to disaggregated: 3 prefill + 2 decode keep the level');
  expect(told).toContain('change to aggregated');
  expect(told).toMatch(/1 prefill \+ 1 decode workers .* keeps the level too, with 1 GPU more/);
});

test('no plan exceeds the limits, and no form is left before it was held', () => {
  const phases = fc.array(
    fc.record({ rps: fc.integer({ min: 0, max: 60 }), seconds: fc.integer({ min: 20, max: 400 }) }),
    { minLength: 2, maxLength: 8 },
  );
  const limits = fc.record({
    gpuCeiling: fc.integer({ min: 2, max: 20 }),
    maxWorkers: fc.integer({ min: 2, max: 20 }),
    minWorkers: fc.integer({ min: 1, max: 2 }),
    aggressiveness: fc.constantFrom('aggressive' as const, 'balanced' as const, 'conservative' as const),
  });
  fc.assert(
    fc.property(limits, phases, (fields, loads) => {
      const world = new World(auto({ ...fields, idleAfterSeconds: 10_000 }), both);
      for (const { rps, seconds } of loads) world.run(seconds, busy(rps));
      for (const order of world.orders) expect(fits(order, world.policy)).toBe(true);
      const [, , ...later] = formsOf(world);
      const first = formsOf(world)[1];
      let before = first?.atMs ?? 0;
      for (const { atMs } of later) {
        expect(atMs - before).toBeGreaterThanOrEqual(900_000);
        before = atMs;
      }
    }),
    { numRuns: 25 },
  );
});
