import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { kvCapacityTokens } from '../../src/profile/capacity.js';
import { itlSeconds, ttftSeconds } from '../../src/profile/law.js';
import {
  H100_SXM,
  H200_SXM,
  LLAMA_31_8B,
  LLAMA_33_70B,
  rooflineProfile,
  VLLM_EFFICIENCY,
} from '../../src/profile/roofline.js';

/** Measurements of vLLM by NVIDIA Dynamo; not part of this repository. */
const FOLDER = fileURLToPath(new URL('../../../shared/profiles/', import.meta.url));
const small = rooflineProfile('8b', H200_SXM, LLAMA_31_8B, VLLM_EFFICIENCY, [1]);
const large = rooflineProfile('70b', H100_SXM, LLAMA_33_70B, VLLM_EFFICIENCY, [2, 4, 8]);

interface Measured {
  prefill: { isl: number[]; ttft_ms: number[] };
  decode: {
    itl_ms: number[];
    batch_size: number[];
    context_length: number[];
    kv_usage: number[];
    max_kv_tokens: number;
  };
}

/** Mean absolute errors of the roofline, % of the measured value. */
function errors(file: string, profile: typeof small, tp: number): { ttft: number; itl: number } {
  const { prefill, decode } = JSON.parse(readFileSync(`${FOLDER}${file}`, 'utf8')) as Measured;
  const ttft = prefill.isl.map(
    (isl, i) => ttftSeconds(profile, tp, isl) / ((prefill.ttft_ms[i] ?? 0) / 1000) - 1,
  );
  const itl = decode.itl_ms.flatMap((ms, i) => {
    const batch = decode.batch_size[i] ?? 0;
    // The data's own note: capped by the engine above 1,024 sequences.
    if (batch > 1024) return [];
    const kvTokens = (decode.kv_usage[i] ?? 0) * decode.max_kv_tokens;
    return [itlSeconds(profile, tp, batch, kvTokens) / (ms / 1000) - 1];
  });
  const mean = (values: number[]) => (100 * values.reduce((sum, v) => sum + Math.abs(v), 0)) / values.length;
  return { ttft: mean(ttft), itl: mean(itl) };
}

describe.skipIf(!existsSync(FOLDER))('the roofline against measurements', () => {
  // Bounds are the errors that docs/profile.md states, rounded up.
  it.each([
    ['h200_llama31_8b_fp8_tp1.json', small, 1, 7, 8],
    ['h100_llama33_70b_fp8_tp2.json', large, 2, 8, 26],
    ['h100_llama33_70b_fp8_tp4.json', large, 4, 9, 29],
    ['h100_llama33_70b_fp8_tp8.json', large, 8, 15, 33],
  ] as const)('%s', (file, profile, tp, ttftBound, itlBound) => {
    const { ttft, itl } = errors(file, profile, tp);
    console.log(`${file}: mean absolute error TTFT ${ttft.toFixed(1)} %, ITL ${itl.toFixed(1)} %`);
    expect(ttft).toBeLessThan(ttftBound);
    expect(itl).toBeLessThan(itlBound);
  });

  it('holds within 2 % the KV tokens that vLLM reported for 8B on H200 at utilisation 0.9', () => {
    expect(Math.abs(kvCapacityTokens(small, 1, 0.9) / 945_029 - 1)).toBeLessThan(0.02);
  });
});
