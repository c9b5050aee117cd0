import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { freshEpoch, needsRebase, priorityOf, standingOf, TICKS } from '../../src/admission/deadline.js';

const NOW = 1_800_000_000_000;
const scale = { epochMs: freshEpoch(20, NOW), resolutionMs: 20 };

describe('deadline order as priority', () => {
  it('counts ticks of the resolution from the epoch', () => {
    // Epoch = now - 2^20 * 20 / 8 ms = now - 2,621,440 ms = 131,072 ticks; 300 ms later are 15 ticks more.
    expect(priorityOf(NOW, scale)).toBe(131_072);
    expect(priorityOf(NOW + 300, scale)).toBe(131_087);
    expect(priorityOf(NOW + 300, scale, 'late')).toBe(TICKS + 131_087);
  });

  it('never puts a later deadline first, and stays within 1 .. 2^21 - 1', () => {
    const deadline = fc.integer({ min: NOW - 10 ** 9, max: NOW + 10 ** 9 });
    fc.assert(
      fc.property(deadline, deadline, fc.boolean(), (a, b, late) => {
        const standing = late ? 'late' : 'onTime';
        const [first, second] = [
          priorityOf(Math.min(a, b), scale, standing),
          priorityOf(Math.max(a, b), scale, standing),
        ];
        expect(first).toBeLessThanOrEqual(second);
        expect(first).toBeGreaterThanOrEqual(1);
        expect(second).toBeLessThan(2 ** 21);
        expect(standingOf(first)).toBe(standing);
      }),
    );
  });

  it('puts every late request behind every request that may still be on time', () => {
    expect(priorityOf(NOW + 10 ** 9, scale, 'onTime')).toBeLessThan(priorityOf(NOW - 10 ** 9, scale, 'late'));
  });

  it('asks for a rebase before usual deadlines are clamped', () => {
    const span = TICKS * 20;
    expect(needsRebase(scale, NOW)).toBe(false);
    expect(needsRebase(scale, scale.epochMs + span / 2 + 1)).toBe(true);
    // An hour's deadline is still told apart from one a tick later at the moment of the rebase.
    const late = scale.epochMs + span / 2;
    expect(priorityOf(late + 3_600_000, scale)).toBeLessThan(priorityOf(late + 3_600_020, scale));
  });
});
