import { describe, expect, it } from 'vitest';
import { calibrate } from '../../../src/profile/roofline/calibrate.js';
import { type Efficiency, VLLM_EFFICIENCY } from '../../../src/profile/roofline/efficiency.js';
import { modelFor } from '../../../src/profile/roofline/generate.js';
import { hardwareFor } from '../../../src/profile/roofline/hardware.js';
import { rooflineLaw } from '../../../src/profile/roofline/law.js';
import { hasShared, parse, sharedTable } from '../tables/support.js';

const truth: Efficiency = {
  frontEndSeconds: 5e-3,
  gemm: 0.6,
  link: 0.7,
  attention: 0.4,
  memory: 0.8,
  perLayerSeconds: 60e-6,
  allReduceSeconds: 10e-6,
  perSequenceSeconds: 30e-6,
};

/** A sweep with cached prompts of an engine that obeys the roofline. */
function table(name: string, gpu: string, tp: number) {
  const { ttft, itl } = rooflineLaw(
    { model: modelFor(name), hardware: hardwareFor(gpu), weights: 'fp8', tp },
    truth,
  );
  const isl = [100, 1000, 2000, 4000, 8000];
  const points = [350, 2000, 5000].flatMap((context) => [1, 20, 60].map((batch) => ({ context, batch })));
  const itlMs = points.map(
    ({ context, batch }) => 1000 * (itl[0] + itl[1] * batch + itl[2] * batch * context),
  );
  return parse({
    meta: { model: `${name}-fp8`, gpu, gpus_per_prefill_engine: tp, gpus_per_decode_engine: tp },
    prefill: {
      isl,
      ttft_ms: isl.map((n) => 1000 * (ttft[0] + ttft[1] * n + ttft[2] * n * n)),
      thpt_per_gpu: isl,
    },
    decode: {
      kv_usage: points.map(({ context, batch }) => (context * batch) / 400_000),
      context_length: points.map(({ context }) => context),
      itl_ms: itlMs,
      thpt_per_gpu: points.map(({ batch }, i) => (1000 * batch) / (itlMs[i] ?? 1) / tp),
      max_kv_tokens: 400_000,
    },
  });
}

describe('calibration', () => {
  it('finds the factors of the engines that made the tables', () => {
    const found = calibrate([
      table('llama-3.1-8b', 'h200', 1),
      ...[2, 4, 8].map((tp) => table('llama-3.3-70b', 'h100', tp)),
    ]);
    for (const name of Object.keys(truth) as (keyof Efficiency)[]) {
      expect(found[name] / truth[name], name).toBeCloseTo(1, 3);
    }
  });

  it('never finds more than a peak', () => {
    const measured = table('llama-3.1-8b', 'h200', 1);
    const quick = { ...measured.decode, itlMs: measured.decode.itlMs.map((value) => value / 3) };
    const { memory, gemm } = calibrate([{ ...measured, decode: quick }]);
    expect(memory).toBeLessThanOrEqual(1);
    expect(gemm).toBeLessThanOrEqual(1);
  });

  it('refuses a table of a model or GPU that it does not know', () => {
    const measured = table('llama-3.1-8b', 'h200', 1);
    const other = { ...measured, meta: { ...measured.meta, model: 'gpt-9' } };
    expect(() => calibrate([other])).toThrow(/p\.json: meta\.model: expected one out of .*, got gpt-9/);
  });

  it.skipIf(!hasShared)('on the measured tables gives the factors that are shipped, to three digits', () => {
    const names = ['h200_llama31_8b_fp8_tp1', ...[2, 4, 8].map((tp) => `h100_llama33_70b_fp8_tp${tp}`)];
    const found = calibrate(names.map(sharedTable));
    for (const name of Object.keys(VLLM_EFFICIENCY) as (keyof Efficiency)[]) {
      expect(found[name] / VLLM_EFFICIENCY[name], name).toBeCloseTo(1, 2);
    }
  });
});
