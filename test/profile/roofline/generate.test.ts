import { describe, expect, it } from 'vitest';
import { kvCapacityTokens } from '../../../src/profile/capacity.js';
import { chooseTensorParallelism } from '../../../src/profile/choose-tp.js';
import { loadProfile } from '../../../src/profile/load.js';
import { modelCosts } from '../../../src/profile/roofline/costs.js';
import { type Efficiency, VLLM_EFFICIENCY } from '../../../src/profile/roofline/efficiency.js';
import { generateProfile, modelFor } from '../../../src/profile/roofline/generate.js';
import { findHardware, type Hardware, hardwareFor } from '../../../src/profile/roofline/hardware.js';
import { expertLineError, rooflineLaw } from '../../../src/profile/roofline/law.js';
import type { ModelDimensions } from '../../../src/profile/roofline/models.js';

/** 1 layer: attention 2 x 10 x 2 x 5 + 2 x 10 x 5 = 300, feed-forward 3 x 10 x 20 = 600; table 100 x 10. */
const model: ModelDimensions = {
  model: 'tiny',
  layers: 1,
  hidden: 10,
  ffn: 20,
  heads: 2,
  kvHeads: 1,
  headDim: 5,
  vocabulary: 100,
  tiedEmbeddings: false,
  experts: null,
};

const hardware: Hardware = {
  gpu: 'round',
  fp8FlopsPerSecond: 2000,
  bf16FlopsPerSecond: 1000,
  memoryBytesPerSecond: 100,
  linkBytesPerSecond: 10,
  networkBytesPerSecond: 1,
  memoryBytes: 1e12,
};

const half: Efficiency = {
  frontEndSeconds: 3,
  gemm: 0.5,
  link: 0.5,
  attention: 0.5,
  memory: 0.5,
  perLayerSeconds: 7,
  allReduceSeconds: 11,
  perSequenceSeconds: 13,
};

describe('the roofline, by hand', () => {
  it('counts bytes and FLOPs of a model', () => {
    expect(modelCosts(model, 'fp8')).toEqual({
      weightBytes: 900 + 2 * 2 * 1000,
      bytesReadPerStep: 900 + 2 * 1000,
      expertBytes: 0,
      linearFlopsPerToken: 2 * 900,
      headFlopsPerToken: 2 * 1000,
      attentionFlopsPerSquare: (4 * 2 * 5) / 2,
      kvBytesPerToken: 2 * 5 * 2,
      allReduceBytesPerToken: 2 * 10 * 2,
    });
  });

  it('gives the law of one GPU: peaks over efficiency, fixed costs by layer, sequence and request', () => {
    const { ttft, itl } = rooflineLaw({ hardware, model, weights: 'fp8', tp: 1 }, half);
    const b0 = 2900 / 50 + 7;
    expect(itl).toEqual([b0, 1800 / 1000 + 2000 / 500 + 13, 20 / 50]);
    expect(ttft).toEqual([3 + b0, 1800 / 1000, 20 / 500]);
  });

  it('divides by the GPUs and adds two all-reduces a layer, each 2 (tp - 1) / tp of its bytes over the link', () => {
    const { ttft, itl } = rooflineLaw({ hardware, model, weights: 'fp8', tp: 2 }, half);
    const b0 = 1450 / 50 + 7 + 2 * 11;
    expect(itl[0]).toBeCloseTo(b0, 12);
    expect(itl[1]).toBeCloseTo(900 / 1000 + 1000 / 500 + 40 / 5 + 13, 12);
    expect(ttft[1]).toBeCloseTo(900 / 1000 + 40 / 5, 12);
  });

  it('takes the BF16 peak for BF16 weights, and where a GPU has no FP8 arithmetic', () => {
    const bf16 = rooflineLaw({ hardware, model, weights: 'bf16', tp: 1 }, half);
    expect(bf16.ttft[1]).toBeCloseTo(1800 / 500, 12);
    expect(bf16.itl[0]).toBeCloseTo((2 * 900 + 2000) / 50 + 7, 12);
    const old = { ...hardware, fp8FlopsPerSecond: null };
    expect(rooflineLaw({ hardware: old, model, weights: 'fp8', tp: 1 }, half).ttft[1]).toBeCloseTo(
      1800 / 500,
      12,
    );
  });

  it('reads more experts in larger batches, and computes only the active ones', () => {
    const experts = { ...model, experts: { count: 8, active: 2 } };
    // Attention 300 and router 80 always; 600 for each expert.
    expect(modelCosts(experts, 'fp8')).toMatchObject({
      bytesReadPerStep: 380 + 2000,
      expertBytes: 8 * 600,
      linearFlopsPerToken: 2 * (380 + 2 * 600),
    });
    const engine = { hardware, model: experts, weights: 'fp8', tp: 1 } as const;
    const { itl } = rooflineLaw(engine, half);
    // Between a step that reads two experts and one that reads all.
    expect(itl[0]).toBeGreaterThan((2380 + 1200) / 50 + 7);
    expect(itl[0]).toBeLessThan((2380 + 4800) / 50 + 7);
    expect(expertLineError(engine, half)).toBeGreaterThan(0);
    expect(expertLineError({ ...engine, model }, half)).toBe(0);
  });
});

describe('known models', () => {
  it.each([
    ['llama-3.1-8b', 8.03],
    ['llama-3.2-1b', 1.236],
    ['llama-3.2-3b', 3.213],
    ['llama-3.3-70b', 70.55],
    ['llama-3.1-405b', 405.9],
    ['mistral-7b', 7.25],
    ['qwen2.5-7b', 7.62],
    ['qwen2.5-14b', 14.77],
    ['qwen2.5-32b', 32.76],
    ['qwen2.5-72b', 72.71],
    ['qwen3-8b', 8.19],
    ['qwen3-32b', 32.76],
    ['mixtral-8x7b', 46.7],
    ['mixtral-8x22b', 140.6],
    ['qwen3-30b-a3b', 30.53],
    ['qwen3-235b-a22b', 235.1],
  ])('%s has the %f billion parameters that its card states', (name, billions) => {
    expect(Math.abs(modelCosts(modelFor(name), 'bf16').weightBytes / 2e9 / billions - 1)).toBeLessThan(0.005);
  });

  it('are found in the names that checkpoints and data sheets have', () => {
    expect(modelFor('nvidia/Llama-3.1-8B-Instruct-FP8').model).toBe('llama-3.1-8b');
    expect(findHardware('h200_sxm')).toBe(hardwareFor('H200'));
    expect(() => modelFor('gpt-9')).toThrow(/llama-3\.1-8b, .* or the path of a config\.json; got gpt-9/);
    expect(() => hardwareFor('v100')).toThrow('h100, h200, a100, l40s, b200, got v100');
  });
});

describe('a generated profile', () => {
  const large = {
    model: modelFor('llama-3.3-70b'),
    hardware: hardwareFor('h100'),
    weights: 'fp8',
    name: 'x',
  } as const;

  it('has the TP degrees that divide the heads and hold the model', () => {
    expect(Object.keys(generateProfile(large).tp)).toEqual(['1', '2', '4', '8']);
    expect(Object.keys(generateProfile({ ...large, weights: 'bf16' }).tp)).toEqual(['2', '4', '8']);
    const few = { ...large, model: modelFor('qwen2.5-7b') };
    expect(Object.keys(generateProfile(few).tp)).toEqual(['1', '2', '4']);
  });

  it('refuses a degree that does not, with both sides', () => {
    expect(() => generateProfile({ ...large, degrees: [3] })).toThrow(
      /TP 3: expected a divisor of the 64 heads/,
    );
    expect(() => generateProfile({ ...large, weights: 'bf16', degrees: [1] })).toThrow(
      /141 GB of weights leave room/,
    );
    const huge = { ...large, model: modelFor('llama-3.1-405b'), hardware: hardwareFor('l40s') };
    expect(() => generateProfile(huge)).toThrow(/no TP degree out of 1, 2, 4, 8 holds the model/);
  });

  it('has within 3 % the KV tokens that vLLM reported at utilisation 0.9: 945,029 for 8B on H200, 224,133 for 70B at TP 2', () => {
    const small = generateProfile({
      ...large,
      model: modelFor('llama-3.1-8b'),
      hardware: hardwareFor('h200'),
    });
    expect(Math.abs(kvCapacityTokens(small, 1, 0.9) / 945_029 - 1)).toBeLessThan(0.03);
    expect(Math.abs(kvCapacityTokens(generateProfile(large), 2, 0.9) / 224_133 - 1)).toBeLessThan(0.03);
  });

  it('is named in a configuration, and tensor_parallelism auto chooses among its degrees', () => {
    const profile = loadProfile('generate:llama-3.3-70b/h100/fp8');
    expect(profile.name).toBe('llama-3.3-70b-fp8-h100');
    const { tp } = chooseTensorParallelism(profile, {
      targets: { ttftSeconds: 0.3, itlSeconds: 0.03 },
      buffer: 0.8,
      expected: { isl: 2000, osl: 150 },
      gpuBudget: 8,
      gpuMemoryUtilization: 0.9,
    });
    // TTFT of 2000 tokens: 344, 197, 123 ms at TP 1, 2, 4, of 240 ms; ITL 29.4, 19.2 of 24.
    expect(tp).toBe(2);
    expect(() => loadProfile('generate:llama-3.3-70b')).toThrow('expected generate:MODEL/GPU/DTYPE');
    expect(() => loadProfile('generate:llama-3.3-70b/h100/int4')).toThrow(
      'expected a dtype out of fp8, bf16',
    );
  });

  it('is faster on a faster GPU and with more of them, whatever the model', () => {
    for (const name of ['llama-3.1-8b', 'qwen2.5-32b', 'mixtral-8x7b']) {
      const on = (gpu: string) =>
        rooflineLaw(
          { model: modelFor(name), hardware: hardwareFor(gpu), weights: 'bf16', tp: 4 },
          VLLM_EFFICIENCY,
        );
      const order = ['l40s', 'a100', 'h100', 'h200', 'b200'].map(on);
      order.slice(1).forEach((faster, i) => {
        expect(faster.itl[0]).toBeLessThan(order[i]?.itl[0] ?? 0);
        expect(faster.ttft[1]).toBeLessThanOrEqual(order[i]?.ttft[1] ?? 0);
      });
    }
  });
});
