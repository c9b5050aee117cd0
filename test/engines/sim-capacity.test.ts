import { describe, expect, it } from 'vitest';
import { workerCapacityRps } from '../../src/profile/capacity.js';
import { loadProfile } from '../../src/profile/load.js';
import { roundProfile } from '../support/profiles.js';
import { poisson } from '../support/sim-load.js';

const SHIPPED = loadProfile('llama-3.1-8b-fp8-h100');

/** TTFT and ITL targets in seconds, ISL, OSL, and the step's token budget. */
describe.each([
  ['round figures, ITL-bound', roundProfile, 1, 0.2, 0.02, 1000, 101, 8192],
  ['round figures, TTFT-bound', roundProfile, 1, 0.06, 0.1, 1000, 101, 8192],
  ['shipped, TP 2, expected lengths', SHIPPED, 2, 0.3, 0.03, 2000, 150, 2048],
  ['shipped, TP 2, Azure-like lengths', SHIPPED, 2, 0.3, 0.03, 1100, 260, 2048],
  ['shipped, TP 1, short prompts', SHIPPED, 1, 0.3, 0.02, 200, 200, 2048],
  ['shipped, TP 1, prompts of four chunks', SHIPPED, 1, 1, 0.06, 8000, 150, 2048],
] as const)(
  'the capacity formula against the core: %s',
  (_name, profile, tp, ttft, itl, isl, osl, budget) => {
    const memory = { gpuMemoryUtilization: 0.9, maxSequences: 256, maxBatchedTokens: budget };
    const target = { isl, osl, ttftSeconds: ttft, itlSeconds: itl, ...memory };
    const capacity = workerCapacityRps(profile, tp, target);
    const at = (share: number) =>
      poisson({ profile, tp, ...memory }, { isl, osl, rps: share * capacity, requests: 3000, feed: 'all' });

    it('names a rate that the engine sustains within both targets, but for a tenth', () => {
      const means = at(0.9);
      expect(means.ttft).toBeLessThan(ttft);
      expect(means.itl).toBeLessThan(itl);
    });

    it('is not timid: a fifth more breaks a target', () => {
      const means = at(1.2);
      expect(means.ttft > ttft || means.itl > itl).toBe(true);
    });
  },
);
