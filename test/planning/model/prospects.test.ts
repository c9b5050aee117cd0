import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Prospect } from '../../../src/planning/model/late-curve.js';
import { prospectsOf } from '../../../src/planning/model/prospects.js';
import { auto, both } from '../form/support.js';

describe('what looks share', () => {
  const { halves: _, ...own } = both;
  const policy = { ...auto(), disaggregated: false };
  const late = (dispersion: number, of = policy, facts = own) =>
    prospectsOf(facts, of, dispersion)!.of({ prefill: 0, decode: 10 }, [14, 17, 19]).late;

  it('is computed once for one model, policy and dispersion, and never passed off for another', () => {
    const stricter = {
      ...policy,
      targets: { ...policy.targets, ttftSeconds: policy.targets.ttftSeconds / 2 },
    };
    // A model of its own for each has shared nothing.
    const alone = (dispersion: number, of = policy) => late(dispersion, of, structuredClone(own));
    expect(prospectsOf(own, policy, 2)).toBe(prospectsOf(own, policy, 2));
    const told = [late(1), late(6), late(1), late(1, stricter), late(6, stricter), late(6)];
    expect(told).toEqual([alone(1), alone(6), alone(1), alone(1, stricter), alone(6, stricter), alone(6)]);
    expect(new Set(told).size).toBe(4);
  });
});

describe('the fewest workers', () => {
  const { halves: _, ...own } = both;
  const policy = { ...auto(), disaggregated: false };

  it('hold in the mean over all rates, and one fewer does not', () => {
    const rate = fc.double({ min: 0, max: 400, noNaN: true });
    const share = fc.double({ min: 0.001, max: 0.5, noNaN: true });
    fc.assert(
      fc.property(fc.array(rate, { minLength: 8, maxLength: 8 }), share, (rates, most) => {
        const prospects = prospectsOf(own, policy, 3)!;
        const holds = ({ late, lateWork }: Prospect) => late <= most && lateWork <= 3 * most;
        const { decode } = prospects.need(rates, { prefill: 0, decode: 1 }, holds);
        expect(holds(prospects.of({ prefill: 0, decode }, rates))).toBe(true);
        if (decode > 1) expect(holds(prospects.of({ prefill: 0, decode: decode - 1 }, rates))).toBe(false);
      }),
    );
  });
});
