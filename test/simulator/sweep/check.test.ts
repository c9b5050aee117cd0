import { describe, expect, it } from 'vitest';
import { ttftSeconds } from '../../../src/profile/law.js';
import { measuredProfile } from '../../../src/profile/measured.js';
import { checkTable } from '../../../src/simulator/sweep/check.js';
import { loneTtftSeconds, sweepPoint } from '../../../src/simulator/sweep/engine.js';
import { hasShared, parse, sharedTable, sweptProfile } from '../../profile/tables/support.js';
import { roundProfile } from '../../support/profiles.js';

const engine = {
  profile: roundProfile,
  tp: 1,
  gpuMemoryUtilization: 0.9,
  maxSequences: 1024,
  maxBatchedTokens: 8192,
};

describe('a sim engine under a benchmark', () => {
  it('gives a lone prompt the TTFT of the law', () => {
    expect(loneTtftSeconds(engine, 1000)).toBeCloseTo(ttftSeconds(roundProfile, 1, 1000), 9);
  });

  it('gives a steady batch of cached prompts the ITL of the law: 4 + 10 x 0.05 + 10 x 1250 x 0.00004 ms', () => {
    const { itlSeconds } = sweepPoint(engine, { batch: 10, isl: 1000, osl: 500, promptsCached: true });
    expect(itlSeconds).toBeCloseTo(0.005, 5);
  });

  it('adds the prompts of the others where they are computed: (10 - 8) x 21 ms / 2 over 499 gaps', () => {
    const point = { batch: 10, isl: 1000, osl: 500 };
    const cached = sweepPoint(engine, { ...point, promptsCached: true });
    const computed = sweepPoint(engine, { ...point, promptsCached: false });
    // Eight prompts of 1000 tokens fit the first step, two wait; the last of the eight is cut.
    const added = computed.itlSeconds - cached.itlSeconds;
    expect(added).toBeGreaterThan((0.5 * 2 * 0.021) / 2 / 499);
    expect(added).toBeLessThan((2 * 2 * 0.021) / 2 / 499);
    expect(computed.ttftSeconds).toBeGreaterThan(5 * cached.ttftSeconds);
  });

  it('gives back both kinds of sweep from the law that was fitted to them', () => {
    for (const computed of [false, true]) {
      const table = parse(sweptProfile({ computed }));
      const { all, sweep } = checkTable(table, measuredProfile([table]), 1);
      expect(sweep.promptsComputed).toBe(computed);
      expect(all.ttft.meanAbsolute).toBeLessThan(0.001);
      expect(all.itl.meanAbsolute).toBeLessThan(0.02);
    }
  });

  it.skipIf(!hasShared)(
    'comes within 8 % of every measured profile, in TTFT, in ITL and in throughput',
    () => {
      const names = ['h200_llama31_8b_fp8_tp1', ...[2, 4, 8].map((tp) => `h100_llama33_70b_fp8_tp${tp}`)];
      for (const name of names) {
        const table = sharedTable(name);
        const profile = measuredProfile([table]);
        const { trusted, all } = checkTable(table, profile, Number(Object.keys(profile.tp)[0]));
        for (const errors of [trusted, all]) {
          expect(errors.ttft.meanAbsolute).toBeLessThan(0.08);
          expect(errors.itl.meanAbsolute).toBeLessThan(0.05);
          expect(errors.throughput.meanAbsolute).toBeLessThan(0.08);
        }
      }
    },
  );
});
