import { describe, expect, it } from 'vitest';
import { findSuspects } from '../../../src/profile/tables/suspects.js';
import { hasShared, ownProfile, parse, sharedTable } from './support.js';

describe('suspect points', () => {
  it('are none in a profile that follows a law', () => {
    const { prefill, decode } = findSuspects(parse(ownProfile()));
    expect([prefill.size, decode.size]).toEqual([0, 0]);
  });

  it('blames the spike of a TTFT, not the points below it', () => {
    const profile = ownProfile();
    profile.prefill.ttft_ms = [12, 200, 90, 170];
    const { prefill } = findSuspects(parse(profile));
    expect([...prefill]).toEqual([[1, 'TTFT 200 ms at ISL 1000 is more than the 90 ms at ISL 4000']]);
  });

  it('blames a dip too, and lets noise of 2 % pass', () => {
    const profile = ownProfile();
    profile.prefill.ttft_ms = [30, 50, 20, 170];
    expect([...findSuspects(parse(profile)).prefill.values()]).toEqual([
      'TTFT 20 ms at ISL 4000 is less than the 50 ms at ISL 1000',
    ]);
    profile.prefill.ttft_ms = [30, 50, 49.5, 170];
    expect(findSuspects(parse(profile)).prefill.size).toBe(0);
  });

  it('names the batch and the context of an ITL that is out of line', () => {
    const profile = ownProfile();
    profile.decode.itl_ms[1] = 20;
    const { decode } = findSuspects(parse(profile));
    expect([...decode.keys()]).toEqual([1]);
    expect(decode.get(1)).toContain('batch 5 at context 350');
  });

  it('names batches beyond what an engine runs at once', () => {
    const { decode } = findSuspects(parse(ownProfile()), 5);
    expect([...decode.keys()]).toEqual([2, 5, 8]);
    expect(decode.get(2)).toContain('batch 20 at context 350: an engine runs 5');
  });

  it.skipIf(!hasShared)('are what the notes of the measured profiles say', () => {
    const tp8 = findSuspects(sharedTable('h100_llama33_70b_fp8_tp8'));
    expect([...tp8.prefill.keys()]).toEqual([3]);
    expect(tp8.decode.size).toBe(0);
    const small = findSuspects(sharedTable('h200_llama31_8b_fp8_tp1'), 1024);
    expect([small.prefill.size, [...small.decode.keys()]]).toEqual([0, [4, 5, 6]]);
  });
});
