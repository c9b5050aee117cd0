import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EventHeap } from '../../../src/simulator/run/event-heap.js';

/** Each slot waits for its next times, one after another. */
const plans = fc.array(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 6 }), {
  minLength: 1,
  maxLength: 12,
});

it('fires in order of time, each slot as often as it was set', () => {
  fc.assert(
    fc.property(plans, (steps) => {
      const heap = new EventHeap();
      const fired: [number, number][] = [];
      const left = steps.map((gaps) => [...gaps]);
      const slots = steps.map((_, k) =>
        heap.slot((nowMs) => {
          fired.push([nowMs, k]);
          const gap = left[k]!.shift();
          if (gap !== undefined) heap.set(slots[k]!, nowMs + gap);
        }),
      );
      for (const [k, slot] of slots.entries()) {
        const first = left[k]!.shift();
        if (first !== undefined) heap.set(slot, first);
      }
      while (heap.nextMs < Number.POSITIVE_INFINITY) heap.fire();
      expect(fired).toHaveLength(steps.flat().length);
      const times = fired.map(([nowMs]) => nowMs);
      expect(times).toEqual([...times].sort((a, b) => a - b));
    }),
  );
});

it('a slot may be moved, cleared, given back and lent again, also while it fires', () => {
  const heap = new EventHeap();
  const seen: string[] = [];
  const late = heap.slot((nowMs) => seen.push(`late ${nowMs}`));
  const gone = heap.slot(() => {
    seen.push('gone');
    heap.drop(gone);
    heap.once(3, (nowMs) => seen.push(`once ${nowMs}`));
    heap.set(late, 2.5);
  });
  const never = heap.slot(() => seen.push('never'));
  heap.set(late, 9);
  heap.set(never, 1);
  heap.set(gone, 2);
  heap.set(never, Number.POSITIVE_INFINITY);
  while (heap.nextMs < Number.POSITIVE_INFINITY) heap.fire();
  expect(seen).toEqual(['gone', 'late 2.5', 'once 3']);
});

it('a slot set to the very time at which it fires, fires again', () => {
  const heap = new EventHeap();
  let times = 0;
  const slot = heap.slot((nowMs) => {
    if (++times < 3) heap.set(slot, nowMs);
  });
  heap.set(slot, 5);
  while (heap.nextMs < Number.POSITIVE_INFINITY) heap.fire();
  expect(times).toBe(3);
});
