import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { kvCapacityTokens } from '../../src/profile/capacity.js';
import { loadProfile } from '../../src/profile/load.js';
import { measuredProfile } from '../../src/profile/measured.js';
import { hasShared, ownProfile, parse, SHARED, sharedTable } from './tables/support.js';

const folder = mkdtempSync(join(tmpdir(), 'sluice-measured-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a profile from measured tables', () => {
  it('is loaded from the measured file itself, with the fitted law at its TP degree', () => {
    const file = join(folder, 'measured.json');
    writeFileSync(file, JSON.stringify(ownProfile()));
    const profile = loadProfile(file);
    expect(Object.keys(profile.tp)).toEqual(['1']);
    expect(profile.tp[1]?.ttft[0]).toBeCloseTo(0.01, 9);
    expect(profile.tp[1]?.itl[1]).toBeCloseTo(50e-6, 9);
    expect(profile.source).toContain('measured.json');
  });

  it('has the KV cache of the table at utilisation 0.9 where model and GPU are unknown', () => {
    const profile = measuredProfile([parse(ownProfile())]);
    expect(Math.abs(kvCapacityTokens(profile, 1, 0.9) - 200_000)).toBeLessThanOrEqual(1);
  });

  it('joins tables of one model, one TP degree each', () => {
    const [one, two] = [ownProfile(), ownProfile()];
    two.meta.gpus_per_prefill_engine = two.meta.gpus_per_decode_engine = 2;
    expect(Object.keys(measuredProfile([parse(one), parse(two)]).tp)).toEqual(['1', '2']);
    expect(() => measuredProfile([parse(one), parse(one)])).toThrow('expected another TP degree, 1');
    two.meta.model = 'other';
    expect(() => measuredProfile([parse(one), parse(two)])).toThrow(
      'expected m on g as in p.json, got other on g',
    );
  });

  it('refuses halves of engines of different size, and a law without a step time', () => {
    const halves = ownProfile();
    halves.meta.gpus_per_prefill_engine = 2;
    expect(() => measuredProfile([parse(halves)])).toThrow('engines of one size, got 2 and 1 GPUs');
    const flat = ownProfile();
    flat.decode.itl_ms = flat.decode.kv_usage.map((usage) => 1e4 * usage);
    expect(() => measuredProfile([parse(flat)])).toThrow('the fitted law has none');
  });

  it('names a NaN that Python wrote, by file, column and index', () => {
    const file = join(folder, 'nan.json');
    writeFileSync(file, JSON.stringify(ownProfile()).replace('[12,', '[NaN,'));
    expect(() => loadProfile(file)).toThrow(
      /nan\.json: prefill\.ttft_ms\[0\]: expected a finite number, got NaN/,
    );
  });

  it.skipIf(!hasShared)('has within 3 % the KV tokens that vLLM reported, from model and GPU', () => {
    const small = loadProfile(`${SHARED}profiles/h200_llama31_8b_fp8_tp1.json`);
    expect(Math.abs(kvCapacityTokens(small, 1, 0.9) / 945_029 - 1)).toBeLessThan(0.03);
    const large = measuredProfile([sharedTable('h100_llama33_70b_fp8_tp2')]);
    expect(Math.abs(kvCapacityTokens(large, 2, 0.9) / 224_133 - 1)).toBeLessThan(0.03);
  });
});
