import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Prospect } from '../../../src/planning/model/late-curve.js';
import { prospectsOf } from '../../../src/planning/model/prospects.js';
import { auto, both } from '../form/support.js';

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
