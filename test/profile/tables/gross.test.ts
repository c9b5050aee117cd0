import { describe, expect, it } from 'vitest';
import { fitReport, renderFit } from '../../../src/cli/profile/fit.js';
import { measuredProfile } from '../../../src/profile/measured.js';
import { fitLaw } from '../../../src/profile/tables/fit.js';
import { hasShared, ownProfile, parse, sharedTable } from './support.js';

/** `ownProfile` with 16 prompt lengths, each TTFT off by 2 %, up and down in turn. */
function longProfile() {
  const profile = ownProfile();
  const isl = Array.from({ length: 16 }, (_, i) => 100 + 500 * i);
  profile.prefill = {
    isl,
    ttft_ms: isl.map((n, i) => (10 + 0.02 * n) * (i % 2 === 0 ? 1.02 : 0.98)),
    thpt_per_gpu: isl.map((n) => (1000 * n) / (10 + 0.02 * n)),
  };
  return profile;
}

const LENGTHS = [600, 2000, 4000, 7600];
const ttftOf = (profile: ReturnType<typeof longProfile>) => {
  const [a0, a1, a2] = fitLaw(parse(profile)).ttft;
  return LENGTHS.map((n) => a0 + a1 * n + a2 * n * n);
};

describe('gross points', () => {
  const sound = ttftOf(longProfile());
  /** Largest share by which the laws of both differ. */
  const apart = (bad: readonly (readonly [number, number])[]) => {
    const profile = longProfile();
    for (const [i, factor] of bad) profile.prefill.ttft_ms[i]! *= factor;
    return Math.max(...ttftOf(profile).map((value, i) => Math.abs(value / sound[i]! - 1)));
  };

  it.each([0.03, 0.05, 0.2, 0.4, 3, 20])('one TTFT times %d anywhere does not pull the law', (factor) => {
    for (let i = 1; i < 16; i++) expect(apart([[i, factor]]), `index ${i}`).toBeLessThan(0.03);
  });

  it('nor do two, low or high', () => {
    for (const [one, other] of [
      [0.05, 0.05],
      [0.02, 0.2],
      [0.05, 20],
      [5, 20],
    ] as const)
      for (let i = 1; i < 12; i++)
        expect(
          apart([
            [i, one],
            [i + 4, other],
          ]),
          `${one} at ${i}, ${other}`,
        ).toBeLessThan(0.03);
  });

  it('are told and no part of the errors', () => {
    const profile = longProfile();
    profile.prefill.ttft_ms[8] = 5;
    const report = fitReport(parse(profile), {});
    expect(report.law.ttft.error.points).toBe(15);
    expect(report.law.ttft.error.worst).toBeLessThan(0.05);
    expect(renderFit(report)).toContain('warning: TTFT 5 ms at ISL 4100 is left out');
    expect(measuredProfile([parse(profile)]).notes).toEqual([
      expect.stringMatching(/^p: TTFT 5 ms at ISL 4100 is left out/),
    ]);
  });

  it('of an ITL are named by their own index, whatever larger batches were left out before it', () => {
    const profile = ownProfile();
    profile.decode.itl_ms[4]! *= 0.05;
    const law = fitLaw(parse(profile), { maxBatch: 5 });
    expect(law.gross).toEqual({ prefill: [], decode: [4] });
    expect(law.itl[0]).toBeCloseTo(0.004, 5);
  });

  it('are none where so many are low that no law has the majority, which the errors then tell', () => {
    const profile = longProfile();
    for (const i of [1, 4, 6, 9, 12, 14]) profile.prefill.ttft_ms[i]! *= 0.1;
    const table = parse(profile);
    expect(fitLaw(table).gross.prefill).toEqual([]);
    expect(measuredProfile([table]).notes).toEqual([
      expect.stringMatching(/^p: the law of TTFT misses its own points by \d+ % on average/),
    ]);
  });

  it.skipIf(!hasShared)('are none in the measured profiles, whose laws stay as they were', () => {
    // a0, a1 and a2 of the fit by Huber's weights alone.
    for (const [name, ttft] of [
      ['h200_llama31_8b_fp8_tp1', [0.018174080231001172, 0.000014259937839437057, 4.5257587876507947e-10]],
      ['h100_llama33_70b_fp8_tp2', [0.02436483900196294, 0.00008092332290093628, 2.1635790462553623e-9]],
      ['h100_llama33_70b_fp8_tp8', [0.015568984841702266, 0.00003491780188027253, 3.064348913766186e-10]],
    ] as const) {
      const law = fitLaw(sharedTable(name), { maxBatch: 1024 });
      expect(law.gross).toEqual({ prefill: [], decode: [] });
      law.ttft.forEach((value, i) => {
        expect(value / ttft[i]!).toBeCloseTo(1, 9);
      });
    }
  });

  it.skipIf(!hasShared)('do not move the law of the 8B profile', () => {
    const table = sharedTable('h200_llama31_8b_fp8_tp1');
    const [a0, a1] = fitLaw(table).ttft;
    for (const i of [4, 8, 12]) {
      const ttftMs = table.prefill.ttftMs.with(i, 5);
      const law = fitLaw({ ...table, prefill: { ...table.prefill, ttftMs } });
      expect(law.gross.prefill).toEqual([i]);
      expect(law.ttft[0] / a0).toBeCloseTo(1, 1);
      expect(law.ttft[1] / a1).toBeCloseTo(1, 1);
      expect(law.ttftError.meanAbsolute).toBeLessThan(0.03);
    }
  });
});
