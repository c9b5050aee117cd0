import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultConfig } from '../../../src/config/load.js';
import { assessFeasibility } from '../../../src/planning/feasibility/assess.js';
import { explainFeasibility, poolQuestion } from '../../../src/planning/feasibility/pool.js';
import type { FeasibilityQuestion, Remedy } from '../../../src/planning/feasibility/question.js';
import { remediesFor } from '../../../src/planning/feasibility/remedies.js';
import { workerCapacityRps } from '../../../src/profile/capacity.js';
import { loadProfile } from '../../../src/profile/load.js';
import { roundProfile } from '../../support/profiles.js';

/** TP 1: TTFT 10 ms + 20 us n + 1 ns n^2, 31 ms for 1000 tokens; ITL 4.1 ms for a lone sequence of 1050 tokens. */
const question: FeasibilityQuestion = {
  profile: roundProfile,
  tp: { prefill: 1, decode: 1 },
  disaggregated: false,
  gpuCeiling: 4,
  maxWorkers: 4,
  gpuMemoryUtilization: 0.9,
  maxSequences: 256,
  maxBatchedTokens: 8192,
  targets: { ttftSeconds: 0.1, itlSeconds: 0.02 },
  buffer: 1,
  latencyPercentile: 90,
  violationsAllowed: 0.1,
  sample: [{ isl: 1000, osl: 101 }],
  rps: 10,
};

const lone = (isl: number) => 0.01 + 20e-6 * isl + 1e-9 * isl * isl;

describe('feasibility', () => {
  it('is given where a lone request and the load meet the targets', () => {
    const verdict = assessFeasibility(question);
    expect(verdict).toMatchObject({ feasible: true, shortfalls: [], hopelessShare: 0, gpusNeeded: 1 });
    expect(verdict.unloaded.ttftSeconds).toBeCloseTo(0.031, 12);
    expect(verdict.unloaded.itlSeconds).toBeCloseTo(0.004 + 50e-6 + 40e-9 * 1050.5, 12);
    expect(lone(verdict.longestIsl)).toBeLessThanOrEqual(0.1);
    expect(lone(verdict.longestIsl + 1)).toBeGreaterThan(0.1);
  });

  it('says by how much an unloaded TTFT misses, and which TP or target would do', () => {
    // TP 2: 8 + 10 + 0.5 = 18.5 ms.
    const asked = { ...question, targets: { ttftSeconds: 0.02, itlSeconds: 0.02 }, rps: 1 };
    const { verdict, remedies, sentence } = explainFeasibility(asked);
    expect(verdict.feasible).toBe(false);
    expect(verdict.shortfalls).toMatchObject([{ kind: 'ttft', tp: 1, isl: 1000, targetSeconds: 0.02 }]);
    expect(verdict.hopelessShare).toBe(1);
    expect(remedies[0]).toMatchObject({ kind: 'tp', tp: 2 });
    expect(remedies.at(-1)).toEqual({ kind: 'target', ttftSeconds: expect.any(Number), itlSeconds: null });
    expect(sentence).toMatch(
      /^infeasible: unloaded TTFT 0\.031 s against 0\.02 s \(1\.55 times\) for the p90 prompt of 1000 tokens at TP 1/,
    );
    expect(sentence).toContain('TP 2 (2 GPUs), or a target of TTFT 0.03');
  });

  it('says how many GPUs a load takes that the budget does not carry', () => {
    const one = workerCapacityRps(roundProfile, 1, { ...question, ...question.targets, isl: 1000, osl: 101 });
    const asked = { ...question, rps: 5.5 * one };
    const { verdict, remedies, sentence } = explainFeasibility(asked);
    expect(verdict.shortfalls).toMatchObject([{ kind: 'load', gpus: 4, gpusNeeded: 6 }]);
    expect(verdict.capacityRps).toBeCloseTo(4 * one, 9);
    expect(remedies).toContainEqual({ kind: 'budget', tp: 1, gpus: 6 });
    expect(sentence).toContain('that 4 GPUs sustain (they take 6)');
  });

  it('counts prompts that miss even alone apart, and asks capacity for the others only', () => {
    const long = { isl: 20_000, osl: 100 };
    const sample = [...Array.from({ length: 19 }, () => ({ isl: 1000, osl: 101 })), long];
    const seen: number[] = [];
    const verdict = assessFeasibility({ ...question, sample, rps: 20 }, (profile, tp, target) => {
      seen.push(target.isl);
      return workerCapacityRps(profile, tp, target);
    });
    expect(verdict.feasible).toBe(true);
    expect(verdict.hopelessShare).toBeCloseTo(0.05, 12);
    expect(seen).toEqual([1000]);
    const many = { ...question, sample: [...sample, long, long, long] };
    expect(assessFeasibility(many).shortfalls).toMatchObject([{ kind: 'ttft', isl: 20_000 }]);
  });

  it('counts a prompt that is cut into further steps with one b0 for each', () => {
    const asked = { ...question, sample: [{ isl: 1000, osl: 101 }], maxBatchedTokens: 256 };
    expect(assessFeasibility(asked).unloaded.ttftSeconds).toBeCloseTo(0.031 + 3 * 0.004, 12);
  });

  it('names the KV cache that a request does not fit, and no target as its remedy', () => {
    const asked = { ...question, gpuMemoryUtilization: 0.2505, rps: null };
    const { verdict, remedies } = explainFeasibility(asked);
    expect(verdict.shortfalls).toMatchObject([{ kind: 'memory', tp: 1, needTokens: 1101, haveTokens: 500 }]);
    expect(remedies.map(({ kind }) => kind)).toEqual(['tp']);
  });

  it('leaves the load out where it is unknown, and finds no load feasible', () => {
    expect(assessFeasibility({ ...question, rps: null })).toMatchObject({ feasible: true, gpusNeeded: null });
    expect(assessFeasibility({ ...question, rps: 0 })).toMatchObject({ feasible: true, gpusNeeded: 0 });
  });

  it('splits a disaggregated budget between the roles', () => {
    const asked = { ...question, disaggregated: true };
    const { capacityRps } = assessFeasibility(asked);
    const target = { ...asked, ...asked.targets, isl: 1000, osl: 101 };
    const [decode, prefill] = [101, 1].map((osl) => workerCapacityRps(roundProfile, 1, { ...target, osl }));
    const splits = [1, 2, 3].map((n) => Math.min(n * (decode ?? 0), (4 - n) * (prefill ?? 0)));
    expect(capacityRps).toBeCloseTo(Math.max(...splits), 9);
  });

  it('refuses an empty sample', () => {
    expect(() => assessFeasibility({ ...question, sample: [] })).toThrow('at least one request');
  });

  it('finds the presets feasible', () => {
    for (const pool of Object.values(defaultConfig().pools)) {
      if (pool.engine.kind !== 'sim') throw new Error('the presets changed');
      const tp = pool.level === 'high' ? 2 : 1;
      const asked = poolQuestion(pool, loadProfile(pool.engine.profile), { prefill: tp, decode: tp });
      if (asked === null) throw new Error('expected a question');
      expect(explainFeasibility(asked).sentence).toMatch(/^feasible: a lone request takes/);
    }
  });
});

describe('a pool that chooses its form', () => {
  const { medium } = defaultConfig().pools;
  const asked = (ttftSeconds: number) => {
    const pool = {
      ...medium!,
      targets: { ttftSeconds, itlSeconds: 0.06 },
      disaggregation: { enabled: 'auto' as const, minPromptTokens: 512, prefillWorkers: 1 },
    };
    // Prompts of 2000 tokens take 54 ms at TP 1 (6 + 4 + 40 + 4), 32 ms at TP 2 (5.5 + 2.5 + 20 + 2, front end with it).
    return poolQuestion(pool, roundProfile, { prefill: 2, decode: 1 });
  };

  it('is asked as an aggregated one where that keeps the promise', () => {
    expect(asked(1)?.disaggregated).toBe(false);
  });

  it('is asked as a disaggregated one where only that does', () => {
    expect(asked(0.045)?.disaggregated).toBe(true);
  });

  it('is asked as an aggregated one where neither does', () => {
    expect(asked(0.001)?.disaggregated).toBe(false);
  });
});

describe('remedies', () => {
  const questions = fc
    .record({
      ttft: fc.double({ min: 0.011, max: 0.2, noNaN: true }),
      itl: fc.double({ min: 0.0045, max: 0.05, noNaN: true }),
      rps: fc.double({ min: 0, max: 400, noNaN: true }),
      isl: fc.integer({ min: 1, max: 9000 }),
      osl: fc.integer({ min: 1, max: 500 }),
      gpuCeiling: fc.integer({ min: 1, max: 8 }),
      disaggregated: fc.boolean(),
    })
    .map(({ ttft, itl, isl, osl, ...rest }) => ({
      ...question,
      ...rest,
      maxWorkers: rest.gpuCeiling,
      targets: { ttftSeconds: ttft, itlSeconds: itl },
      sample: [{ isl, osl }],
    }));

  it('make it feasible, each by itself', () => {
    fc.assert(
      fc.property(questions, (asked) => {
        const verdict = assessFeasibility(asked);
        for (const remedy of remediesFor(asked, verdict)) {
          expect(assessFeasibility(applied(asked, remedy)).feasible).toBe(true);
        }
      }),
    );
  });

  it('hold beside a target that is enough as it is, however many digits it has', () => {
    const asked = {
      ...{ ...question, gpuCeiling: 6, maxWorkers: 6, rps: 385.3272640595089 },
      targets: { ttftSeconds: 0.011, itlSeconds: 0.0057000000001 },
      sample: [{ isl: 6, osl: 88 }],
    };
    const remedies = remediesFor(asked, assessFeasibility(asked));
    expect(remedies.map(({ kind }) => kind)).toContain('target');
    for (const remedy of remedies) expect(assessFeasibility(applied(asked, remedy)).feasible).toBe(true);
  });

  it('are not taken back by more GPUs or looser targets', () => {
    fc.assert(
      fc.property(questions, (asked) => {
        if (!assessFeasibility(asked).feasible) return;
        const more = { ...asked, gpuCeiling: asked.gpuCeiling + 4, maxWorkers: asked.maxWorkers + 4 };
        expect(assessFeasibility(more).feasible).toBe(true);
        const { ttftSeconds, itlSeconds } = asked.targets;
        const looser = {
          ...asked,
          targets: { ttftSeconds: 1.5 * ttftSeconds, itlSeconds: 1.5 * itlSeconds },
        };
        expect(assessFeasibility(looser).feasible).toBe(true);
      }),
    );
  });

  function applied(asked: FeasibilityQuestion, remedy: Remedy): FeasibilityQuestion {
    switch (remedy.kind) {
      case 'tp':
        return { ...asked, tp: { prefill: remedy.tp, decode: remedy.tp } };
      case 'budget':
        return {
          ...asked,
          tp: { prefill: remedy.tp, decode: remedy.tp },
          gpuCeiling: remedy.gpus,
          maxWorkers: remedy.gpus,
        };
      case 'target':
        return {
          ...asked,
          targets: {
            ttftSeconds: remedy.ttftSeconds ?? asked.targets.ttftSeconds,
            itlSeconds: remedy.itlSeconds ?? asked.targets.itlSeconds,
          },
        };
    }
  }
});
