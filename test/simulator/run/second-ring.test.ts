import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SecondRing } from '../../../src/simulator/run/second-ring.js';

/** Seconds that the ring under test holds at least: 8 places in all. */
const HELD = 5;
const PLACES = 8;

test('tells how many came in each of the newest seconds, whatever came before them and in whatever order', () => {
  const step = fc.integer({ min: -12, max: 30 });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const ring = new SecondRing(HELD);
      const known = new Map<number, number>();
      let newest = 1000;
      for (const by of steps) {
        const second = newest + by;
        newest = Math.max(newest, second);
        ring.add(second);
        known.set(second, (known.get(second) ?? 0) + 1);
      }
      const last = Math.max(...known.keys());
      for (let second = last - HELD + 1; second <= last; second++) {
        expect(ring.get(second) ?? 0).toBe(known.get(second) ?? 0);
      }
    }),
  );
});

test('a second older than those it holds changes none of them', () => {
  const ring = new SecondRing(HELD);
  ring.add(100);
  ring.add(100 - PLACES);
  expect(ring.get(100)).toBe(1);
  expect(ring.get(100 - PLACES)).toBeUndefined();
});

test('a copy stays as it was', () => {
  const ring = new SecondRing(HELD);
  ring.add(7);
  const copy = ring.copy();
  ring.add(7);
  ring.add(7 + PLACES);
  expect([copy.get(7), copy.get(7 + PLACES), ring.get(7)]).toEqual([1, undefined, undefined]);
});
