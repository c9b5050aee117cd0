import { describe, expect, it } from 'vitest';
import { halfModels } from '../../src/profile/halves.js';
import { workerModel } from '../../src/profile/worker-model.js';
import { roundProfile } from '../support/profiles.js';

const target = {
  prompts: [{ share: 1, tokens: 1000 }],
  osl: 101,
  itlSeconds: 0.02,
  gpuMemoryUtilization: 0.9,
  maxSequences: 1000,
  maxBatchedTokens: 8192,
  minPromptTokens: 500,
};
const tp = { prefill: 1, decode: 1 };

describe('the halves of a disaggregated pool', () => {
  it('lets a decode worker hold what its ITL allows without prompts', () => {
    // Front end 6 ms and 2.5 ms of KV transfer over 100 steps: 0.085 ms. c = 1050.5: slope 50 us + 42.02 us = 92.02 us;
    // B = (20 - 0.085 - 4) / 0.09202 = 172.9, passing B / (100 x 19.915 ms) = 86.8 requests/s.
    const halves = halfModels(roundProfile, tp, target);
    expect(halves?.split).toBe(1);
    expect(halves?.decode.sequences).toBeCloseTo(172.95, 1);
    expect(halves?.decode.rps).toBeCloseTo(86.84, 1);
    // Beside its own prompts, 21 ms each, a worker keeps far fewer.
    expect(workerModel(roundProfile, 1, target).rps).toBeLessThan(40);
  });

  it('sends prefill workers the long prompts alone', () => {
    const mixed = [
      { share: 0.75, tokens: 100 },
      { share: 0.25, tokens: 2000 },
    ];
    const halves = halfModels(roundProfile, tp, { ...target, prompts: mixed });
    expect(halves?.split).toBe(0.25);
    const long = workerModel(roundProfile, 1, { ...target, prompts: [{ share: 1, tokens: 2000 }], osl: 1 });
    expect(halves?.prefill).toEqual(long);
    // The short ones are computed beside what decodes.
    const none = halfModels(roundProfile, tp, { ...target, prompts: mixed, minPromptTokens: 1 });
    expect(halves?.decode.rps).toBeLessThan(none?.decode.rps ?? 0);
  });

  it('has none where no prompt is long', () => {
    expect(halfModels(roundProfile, tp, { ...target, minPromptTokens: 1001 })).toBeNull();
  });

  it('hands over answers of one token at once', () => {
    expect(halfModels(roundProfile, tp, { ...target, osl: 1 })?.decode.rps).toBeCloseTo(250, 6);
  });

  it('keeps no ITL that a lone sequence misses', () => {
    expect(halfModels(roundProfile, tp, { ...target, itlSeconds: 0.004 })?.decode.rps).toBe(0);
  });
});
