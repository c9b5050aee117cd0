import { describe, expect, it } from 'vitest';
import { fitLaw } from '../../../src/profile/tables/fit.js';
import {
  examineSweep,
  furtherSteps,
  interferenceMs,
  type TtftMs,
} from '../../../src/profile/tables/sweep.js';
import { hasShared, parse, sharedTable, sweptProfile } from './support.js';

/** 10 ms + 0.02 ms a token: prompts of 4750 tokens take 95 ms. */
const TTFT: TtftMs = [10, 0.02, 0];

describe('how a decode sweep was measured', () => {
  it('finds prompts in the cache where the throughput leaves no time for them', () => {
    const sweep = examineSweep(parse(sweptProfile({ computed: false })), TTFT);
    expect(sweep).toMatchObject({ osl: 500, gpus: 1, promptsComputed: false });
    expect(sweep.promptShare).toBeLessThan(0.2);
  });

  it('finds them computed where it leaves as much as all of them take one after another', () => {
    const sweep = examineSweep(parse(sweptProfile({ computed: true })), TTFT);
    expect(sweep.promptsComputed).toBe(true);
    expect(sweep.promptShare).toBeCloseTo(1, 1);
  });

  it('takes the GPUs of an engine from its least loaded point', () => {
    const profile = sweptProfile({ computed: false });
    profile.decode.thpt_per_gpu = profile.decode.thpt_per_gpu.map((value) => value / 4);
    expect(examineSweep(parse(profile), TTFT).gpus).toBe(4);
  });

  it('does not take a throughput of something else for prompts', () => {
    const profile = sweptProfile({ computed: false });
    profile.decode.thpt_per_gpu = profile.decode.thpt_per_gpu.map((value, i) =>
      i === 0 ? value : value / 50,
    );
    expect(examineSweep(parse(profile), TTFT).promptsComputed).toBe(false);
  });

  it('adds to an ITL what the prompts behind take: (5 - 1) x 95 ms / 2 over 499 gaps', () => {
    const sweep = { osl: 500, gpus: 1, promptShare: 1, promptsComputed: true };
    expect(interferenceMs(sweep, TTFT, 5, 4750)).toBeCloseTo((4 * 95) / 2 / 499, 12);
    expect(interferenceMs(sweep, TTFT, 1, 4750)).toBe(0);
    // 81 prompts of 100 tokens fit one step of 8192, and none of them waits for another.
    expect(interferenceMs(sweep, TTFT, 81, 100)).toBe(0);
    expect(interferenceMs({ ...sweep, promptsComputed: false }, TTFT, 5, 4750)).toBe(0);
  });

  it('counts the steps that a prompt beyond the token budget takes more', () => {
    expect([1, 8192, 8193, 16_385].map(furtherSteps)).toEqual([0, 0, 1, 2]);
  });

  it('leaves the computed prompts out of the fitted law', () => {
    for (const computed of [false, true]) {
      const { itl, itlError } = fitLaw(parse(sweptProfile({ computed })));
      expect(itl[0]).toBeCloseTo(0.004, 9);
      expect(itl[1]).toBeCloseTo(50e-6, 9);
      expect(itl[2]).toBeCloseTo(20e-9, 12);
      expect(itlError.meanAbsolute).toBeLessThan(1e-6);
    }
  });

  it.skipIf(!hasShared)('tells the cached 8B sweep from the computed 70B ones', () => {
    const shares = ['h200_llama31_8b_fp8_tp1', ...[2, 4, 8].map((tp) => `h100_llama33_70b_fp8_tp${tp}`)].map(
      (name) => fitLaw(sharedTable(name)).sweep,
    );
    expect(shares.map(({ promptsComputed }) => promptsComputed)).toEqual([false, true, true, true]);
    expect(shares.map(({ gpus }) => gpus)).toEqual([1, 2, 4, 8]);
  });
});
