import { describe, expect, it } from 'vitest';
import {
  kvCapacityTokens,
  workerAtLoad,
  workerCapacity,
  workerCapacityRps,
} from '../../src/profile/capacity.js';
import { chooseTensorParallelism } from '../../src/profile/choose-tp.js';
import {
  decodeTokensPerSecond,
  frontEndSeconds,
  itlSeconds,
  prefillTokensPerSecond,
  stepSeconds,
  tensorParallelEfficiency,
  ttftSeconds,
} from '../../src/profile/law.js';
import { roundProfile } from '../support/profiles.js';

describe('the step law, by hand', () => {
  it('gives the TTFT of a lone prompt: 10 ms + 1000 x 20 us + 1000^2 x 1 ns = 31 ms', () => {
    expect(ttftSeconds(roundProfile, 1, 1000)).toBeCloseTo(0.031, 12);
  });

  it('gives the ITL of a batch: 4 ms + 10 x 50 us + 20000 x 40 ns = 5.3 ms', () => {
    expect(itlSeconds(roundProfile, 1, 10, 20_000)).toBeCloseTo(0.0053, 12);
  });

  it('gives a mixed step: 4 ms + 100 x 20 us + (600^2 - 500^2) ns + 10 x 50 us + 20000 x 40 ns', () => {
    const work = { prefill: [{ context: 500, tokens: 100 }], decodeSequences: 10, kvTokens: 20_000 };
    expect(stepSeconds(roundProfile, 1, work)).toBeCloseTo(0.004 + 0.002 + 0.00011 + 0.0005 + 0.0008, 12);
  });

  it('costs a few prompt tokens what as many decoding sequences cost, but for b1 and b2', () => {
    const few = stepSeconds(roundProfile, 1, {
      prefill: [{ context: 0, tokens: 50 }],
      decodeSequences: 0,
      kvTokens: 0,
    });
    expect(few).toBeCloseTo(0.004 + 50 * 20e-6 + 50 ** 2 * 1e-9, 12);
  });

  it('leaves what TTFT has beyond a step to the front end: 10 - 4 ms, never below 0', () => {
    expect(frontEndSeconds({ ttft: [0.01, 20e-6, 1e-9], itl: [0.004, 50e-6, 40e-9] })).toBeCloseTo(0.006, 12);
    const quick = { ttft: [0.003, 20e-6, 1e-9], itl: [0.004, 50e-6, 40e-9] } as const;
    expect(frontEndSeconds(quick)).toBe(0);
    expect(ttftSeconds({ ...roundProfile, tp: { 1: quick } }, 1, 1000)).toBeCloseTo(0.004 + 0.021, 12);
  });

  it('leaves the terms of absent work out', () => {
    expect(stepSeconds(roundProfile, 1, { prefill: [], decodeSequences: 0, kvTokens: 0 })).toBe(0);
    expect(stepSeconds(roundProfile, 1, { prefill: [], decodeSequences: 2, kvTokens: 100 })).toBe(
      itlSeconds(roundProfile, 1, 2, 100),
    );
  });

  it('splits a prompt into chunks that cost the same but for one b0 each', () => {
    const whole = ttftSeconds(roundProfile, 1, 1000);
    const first = stepSeconds(roundProfile, 1, {
      prefill: [{ context: 0, tokens: 600 }],
      decodeSequences: 0,
      kvTokens: 0,
    });
    const second = stepSeconds(roundProfile, 1, {
      prefill: [{ context: 600, tokens: 400 }],
      decodeSequences: 0,
      kvTokens: 0,
    });
    expect(0.006 + first + second).toBeCloseTo(whole + 0.004, 12);
  });

  it('gives tokens per second: 1000 / 25 ms prefill, 10 / 5.3 ms decode', () => {
    expect(prefillTokensPerSecond(roundProfile, 1, 1000)).toBeCloseTo(1000 / 0.025, 6);
    expect(decodeTokensPerSecond(roundProfile, 1, 10, 20_000)).toBeCloseTo(10 / 0.0053, 6);
  });

  it('gives tensor-parallel efficiency: at TP 2 the same batch takes 3.15 ms, so 5.3 / 3.15 / 2 = 0.84', () => {
    expect(tensorParallelEfficiency(roundProfile, 1, 10, 20_000)).toBe(1);
    expect(tensorParallelEfficiency(roundProfile, 2, 10, 20_000)).toBeCloseTo(5.3 / 3.15 / 2, 9);
  });

  it('names the profile and the known degrees when a TP is missing', () => {
    expect(() => ttftSeconds(roundProfile, 3, 1)).toThrow(/profile round: .*\(1, 2\), got 3/);
  });
});

describe('KV capacity', () => {
  it('is ((100 GB x 0.9 - 5 GB) x tp - 20 GB) / 100 kB', () => {
    expect(kvCapacityTokens(roundProfile, 1, 0.9)).toBe(650_000);
    expect(kvCapacityTokens(roundProfile, 2, 0.9)).toBe(1_500_000);
  });

  it('rises with memory utilisation and is 0 where the weights do not fit', () => {
    expect(kvCapacityTokens(roundProfile, 1, 0.95)).toBe(700_000);
    expect(kvCapacityTokens(roundProfile, 1, 0.2)).toBe(0);
  });
});

describe('what a worker sustains', () => {
  const target = {
    isl: 1000,
    osl: 101,
    ttftSeconds: 5,
    itlSeconds: 0.02,
    gpuMemoryUtilization: 0.9,
    maxSequences: 1000,
    maxBatchedTokens: 8192,
  };

  it('fills the batch up to the ITL target: 20 = 4 + B (0.05 + 1050.5 x 0.00004 + 21 / 100) ms', () => {
    // A prompt adds 20 + 1 ms, spread over 100 decode steps.
    const batch = 16 / (0.05 + 1050.5 * 0.00004 + 21 / 100);
    expect(workerCapacityRps(roundProfile, 1, target)).toBeCloseTo(batch / (100 * 0.02), 6);
  });

  it('holds at a share of that rate what Little asks for, and is faster', () => {
    const whole = workerCapacity(roundProfile, 1, target);
    const half = workerAtLoad(roundProfile, 1, target, 0.5);
    expect(half.rps).toBeCloseTo(whole.rps / 2, 9);
    expect(half.ttftSeconds).toBeLessThan(whole.ttftSeconds);
    for (const { rps, concurrency, ttftSeconds, itlSeconds } of [whole, half])
      expect(concurrency).toBeCloseTo(rps * (ttftSeconds + 100 * itlSeconds), 9);
    // rate = B / (100 s), s = 4 + k B ms: B = 4 x / (1 - k x) with x = 100 rate in 1/ms.
    const perSequence = 0.05 + 1050.5 * 0.00004 + 21 / 100;
    const x = half.rps * 0.1;
    expect(half.itlSeconds * 1000).toBeCloseTo(4 + perSequence * ((4 * x) / (1 - perSequence * x)), 6);
    expect(workerAtLoad(roundProfile, 1, target, 0)).toMatchObject({ rps: 0, concurrency: 0 });
  });

  it('is limited by sequences, by KV cache and by TTFT in turn', () => {
    const free = workerCapacityRps(roundProfile, 1, target);
    const sequences = workerCapacityRps(roundProfile, 1, { ...target, maxSequences: 4 });
    expect(sequences).toBeLessThan(free);
    const kv = workerCapacityRps(roundProfile, 1, { ...target, gpuMemoryUtilization: 0.252 });
    expect(kv).toBeLessThan(sequences);
    const ttft = workerCapacityRps(roundProfile, 1, { ...target, ttftSeconds: 0.045 });
    expect(ttft).toBeGreaterThan(0);
    expect(ttft).toBeLessThan(free);
  });

  it('falls with the token budget of a step, since a prompt is then spread over more steps', () => {
    const tight = { ...target, ttftSeconds: 0.05 };
    const free = workerCapacityRps(roundProfile, 1, tight);
    const small = workerCapacityRps(roundProfile, 1, { ...tight, maxBatchedTokens: 512 });
    expect(small).toBeGreaterThan(0);
    expect(small).toBeLessThan(0.8 * free);
    expect(workerCapacityRps(roundProfile, 1, { ...tight, maxBatchedTokens: 128 })).toBe(0);
  });

  it('is 0 where one request alone misses a target', () => {
    expect(workerCapacityRps(roundProfile, 1, { ...target, ttftSeconds: 0.03 })).toBe(0);
    expect(workerCapacityRps(roundProfile, 1, { ...target, itlSeconds: 0.004 })).toBe(0);
  });

  it('serves prompts of one output token as an M/D/1 queue of prefills', () => {
    // A prompt takes 21 ms and its share of a step of 8192 tokens; 62 ms less the lone TTFT leave 31 ms to wait.
    const service = 0.021 + (1000 / 8192) * 0.004;
    const rho = 0.062 / (service + 0.062);
    expect(workerCapacityRps(roundProfile, 1, { ...target, osl: 1, ttftSeconds: 0.062 })).toBeCloseTo(
      rho / service,
      9,
    );
  });
});

describe('tensor_parallelism auto', () => {
  const question = {
    targets: { ttftSeconds: 0.05, itlSeconds: 0.006 },
    buffer: 0.8,
    expected: { isl: 1000, osl: 100 },
    gpuBudget: 4,
    gpuMemoryUtilization: 0.9,
  };

  it('takes the fewest GPUs that meet target x buffer and says why', () => {
    const { tp, why } = chooseTensorParallelism(roundProfile, question);
    expect(tp).toBe(1);
    expect(why).toMatch(/TP 1: the fewest GPUs .*31\.0 ms .* 40\.0 ms.*4 replicas fit 4 GPUs/);
  });

  it('takes more GPUs when the TTFT, the ITL or the buffer asks for them', () => {
    const tight = { ...question, targets: { ttftSeconds: 0.03, itlSeconds: 0.006 } };
    expect(chooseTensorParallelism(roundProfile, tight).tp).toBe(2);
    const itl = { ...question, targets: { ttftSeconds: 0.05, itlSeconds: 0.004 } };
    expect(chooseTensorParallelism(roundProfile, itl).tp).toBe(2);
    expect(chooseTensorParallelism(roundProfile, { ...itl, phase: 'prefill' }).tp).toBe(1);
    expect(chooseTensorParallelism(roundProfile, { ...question, buffer: 0.5 }).tp).toBe(2);
  });

  it('stays inside the budget, with the fastest that fits, and says that the target is missed', () => {
    const { tp, why } = chooseTensorParallelism(roundProfile, {
      ...question,
      targets: { ttftSeconds: 0.03, itlSeconds: 0.006 },
      gpuBudget: 1,
    });
    expect(tp).toBe(1);
    expect(why).toContain('no degree meets');
  });

  it('refuses where nothing fits the memory', () => {
    expect(() => chooseTensorParallelism(roundProfile, { ...question, gpuMemoryUtilization: 0.1 })).toThrow(
      /invalid|no degree/,
    );
  });
});
