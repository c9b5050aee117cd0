import { describe, expect, it } from 'vitest';
import { apa, apaReplicas, cooledDown, guardPending } from '../../../src/simulator/baselines/apa.js';
import { scalerInput, seen } from './support.js';

const constants = { upTolerance: 0.1, downTolerance: 0.1, maxScaleUpRate: 2, maxScaleDownRate: 2 };

describe("AIBrix's APA", () => {
  // The numbers of apa_test.go: a target of 30.
  it.each([
    ['basic_scale_up', 2, 45, {}, 3],
    ['scale_up_upto_ceiling', 2, 35, {}, 3],
    ['scale_up_upto_max_scale_up', 2, 90, {}, 4],
    ['scale_up_upto_max_scale_up_ceiling', 2, 90, { maxScaleUpRate: 2.5 }, 5],
    ['basic_scale_down', 6, 20, {}, 4],
    ['scale_down_upto_ceiling', 6, 18, {}, 4],
    ['scale_down_upto_max_scale_down', 6, 10, {}, 3],
    ['scale_down_upto_max_scale_down_floor', 6, 5, { maxScaleDownRate: 2.5 }, 2],
    ['no_scaling_as_within_up_tolerance', 2, 33, {}, 2],
    ['no_scaling_as_within_down_tolerance', 2, 27, {}, 2],
  ])('%s', (_, current, use, change, expected) => {
    expect(apaReplicas(use, 30, current, { ...constants, ...change })).toBe(expected);
  });

  it('counts pods that start as unused on the way up, as on target on the way down', () => {
    // 4 pods, 2 ready, use 0.9 of a target of 0.5: 8 wanted; spread over all 4: ceil(4 x 0.45 / 0.5) = 4, no change.
    expect(guardPending(8, 0.9, 0.5, { current: 4, ready: 2 })).toBe(4);
    // 3 ready: ceil(4 x 0.675 / 0.5) = 6.
    expect(guardPending(8, 0.9, 0.5, { current: 4, ready: 3 })).toBe(6);
    // Down, use 0.1: 2 wanted; with the two that start at 0.5: ceil(4 x 0.3 / 0.5) = 3.
    expect(guardPending(2, 0.1, 0.5, { current: 4, ready: 2 })).toBe(3);
    expect(guardPending(2, 0.1, 0.5, { current: 4, ready: 4 })).toBe(2);
  });

  it('falls back to the lowest recommendation of its cooldown (known fault, kept)', () => {
    expect(cooledDown(5, 6, [2, 4, 6, 5])).toBe(2);
    expect(cooledDown(6, 6, [2, 4, 6])).toBe(6);
    expect(cooledDown(5, 6, [])).toBe(5);
  });

  it('scales a pool on the mean KV usage of its window, what waits in front of the servers aside', () => {
    const scaler = apa.create(scalerInput(), {});
    const tick = (after: number, kvUsage: number, waiting = 0) => {
      const now = seen(after, { ready: 1, kvUsage, waiting });
      return scaler.tick(now, now.atMs);
    };
    tick(0, 0);
    // 650,000 KV tokens; 100 requests of 1,050 tokens that wait are 0.1615 of them.
    expect(tick(2, 0.8 + 0.1615384, 100)).toMatchObject({
      decode: 2,
      reason: 'KV usage 0.800, target 0.500',
    });
    // Mean of 0.8 and 0: 0.4, still within 20 % below the target.
    for (const after of [4, 6, 8, 10]) tick(after, 0.8);
    expect(scaler.steps.map(({ ordered }) => ordered)).toEqual([1, 2]);
  });
});
