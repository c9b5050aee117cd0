import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { LATELY_MS } from '../../src/admission/reserve.js';
import { KeptRoom } from '../../src/scheduler/worker/kept-room.js';
import type { Run } from '../../src/scheduler/worker/run.js';

const PLACES = 8;

/** A worker that is full of one tenant's work. */
function flooded(workerId: string) {
  const clock = { now: 1_000_000 };
  const options = { workerId, redis: new Redis({ lazyConnect: true }), now: () => clock.now, log: () => {} };
  const kept = new KeptRoom(options, { toKey: (type) => type }, () => {});
  const runs = new Map<string, Run>();
  const share = { startMs: 0, era: 1, tenantMs: 1, keyMs: 1, cost: 1, excess: true };
  const request = { owner: { tenant: 'flood', key: 'k' }, share };
  const open = () => {
    const free = PLACES - runs.size;
    return kept.of(free, () => free, { runs, left: new Set() });
  };
  const take = () => {
    kept.took(request as unknown as Run['request'], false);
    runs.set(String(runs.size), { request, firstTokenAtMs: 1 } as unknown as Run);
  };
  for (let k = 0; k < PLACES; k++) take();
  open();
  return { clock, kept, runs, open, take };
}

it('of a tenant within its share keeps a place for the next at one worker, for a while', () => {
  const [keeper, other] = [flooded('keeper'), flooded('other')];
  for (const { kept } of [keeper, other]) kept.heard({ tenant: 'calm', keeper: 'keeper' });
  // A place falls free at each.
  for (const { clock, runs, open } of [keeper, other]) {
    clock.now += 100;
    open();
    runs.delete('0');
  }
  expect([keeper.open(), other.open()]).toEqual([0, 1]);
  keeper.clock.now += 11_000;
  keeper.take();
  keeper.runs.delete('7');
  keeper.open();
  keeper.clock.now += 100;
  expect(keeper.open()).toBe(1);
});

it('keeps nothing where nobody floods', () => {
  const { clock, kept, open, runs } = flooded('keeper');
  clock.now += LATELY_MS + 1;
  kept.heard({ tenant: 'calm', keeper: 'keeper' });
  runs.delete('0');
  expect(open()).toBe(1);
});
