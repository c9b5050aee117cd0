import { expect, it } from 'vitest';
import { validateRoofline } from '../../../src/simulator/sweep/validate.js';
import { hasShared, sharedTable } from '../../profile/tables/support.js';

it.skipIf(!hasShared)(
  'a generated profile comes within 20 % of each measured table left out of the calibration',
  () => {
    const names = ['h200_llama31_8b_fp8_tp1', ...[2, 4, 8].map((tp) => `h100_llama33_70b_fp8_tp${tp}`)];
    for (const { heldOut, shipped } of validateRoofline(names.map(sharedTable))) {
      expect(heldOut.check.trusted.ttft.meanAbsolute).toBeLessThan(0.2);
      expect(heldOut.check.trusted.itl.meanAbsolute).toBeLessThan(0.08);
      expect(heldOut.check.trusted.throughput.meanAbsolute).toBeLessThan(0.15);
      expect(shipped.trusted.ttft.meanAbsolute).toBeLessThan(0.12);
      expect(shipped.trusted.itl.meanAbsolute).toBeLessThan(0.06);
    }
  },
);
