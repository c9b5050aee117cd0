import { describe, expect, it } from 'vitest';
import { KpaDecider, kpa } from '../../../src/simulator/baselines/kpa.js';
import { scalerInput, seen } from './support.js';

type Constants = ConstructorParameters<typeof KpaDecider>[0];
/** As newTestAutoscaler of autoscaler_test.go: rates of 10, panic at twice. */
const upstream = (change: Partial<Constants> = {}) =>
  new KpaDecider({ ...(kpa.grid[0] as Constants), maxScaleUpRate: 10, maxScaleDownRate: 10, ...change });
const at = (decider: KpaDecider, second: number, target: number, stable: number, panic: number, ready = 1) =>
  decider.scale({ stable, panic, target, ready, nowMs: second * 1000 });

describe("Knative's autoscaler, by the numbers of autoscaler_test.go", () => {
  it('StableModeIncreaseWithConcurrencyDefault', () => {
    const decider = upstream();
    expect(at(decider, 0, 10, 50, 10)).toBe(5);
    expect(at(decider, 1, 10, 100, 10)).toBe(10);
  });

  it('StableModeDecrease', () => {
    const decider = upstream();
    expect(at(decider, 0, 10, 100, 100, 8)).toBe(10);
    expect(at(decider, 1, 10, 50, 50, 8)).toBe(5);
  });

  it('StableModeNoTrafficScaleToZero', () => {
    const decider = upstream();
    expect(at(decider, 0, 10, 1, 0)).toBe(1);
    expect(at(decider, 1, 10, 0, 0)).toBe(0);
  });

  it('StableModeIncreaseWithSmallScaleUpRate, DecreaseWithSmallScaleDownRate', () => {
    expect(at(upstream({ maxScaleUpRate: 1.1 }), 0, 1, 3, 3.1, 2)).toBe(3);
    expect(at(upstream({ maxScaleDownRate: 1.1 }), 0, 10, 1, 1, 100)).toBe(90);
  });

  it('PanicModeDoublePodCount, RateLimitScaleUp, RateLimitScaleDown', () => {
    expect(at(upstream(), 0, 10, 50, 100)).toBe(10);
    const up = upstream();
    expect([at(up, 0, 10, 1000, 1001), at(up, 1, 10, 1000, 1001, 10)]).toEqual([10, 100]);
    const down = upstream();
    expect([at(down, 0, 10, 1, 1, 100), at(down, 1, 10, 1, 1, 10)]).toEqual([10, 1]);
  });

  it('PanicModeExponentialTrackAndStabilize', () => {
    const decider = upstream();
    const loads = [6, 36, 216, 1296, 1296];
    const ready = [1, 6, 36, 216, 1296];
    expect(loads.map((load, i) => at(decider, i, 1, load, load, ready[i]))).toEqual(loads);
  });

  it('PanicThenUnPanicScaleDown', () => {
    const decider = upstream();
    expect(at(decider, -1, 10, 100, 100, 1)).toBe(10);
    expect(at(decider, 0, 10, 100, 1000, 10)).toBe(100);
    expect(at(decider, 30, 10, 1, 1, 10)).toBe(100);
    expect(at(decider, 61, 10, 1, 1, 10)).toBe(1);
  });

  it('UnpanicAfterSlowIncrease, ExtendPanicWindow', () => {
    const slow = upstream();
    expect(at(slow, 0, 1, 11, 25, 10)).toBe(25);
    expect(at(slow, 30, 1, 30, 41, 40)).toBe(41);
    expect(at(slow, 62, 1, 50, 56, 55)).toBe(50);
    const extended = upstream();
    at(extended, 0, 1, 11, 25, 10);
    expect(at(extended, 30, 1, 30, 80, 40)).toBe(80);
    at(extended, 62, 1, 50, 56, 55);
    expect(extended.panics).toBe(true);
  });

  it('ScaleDownDelay', () => {
    const decider = upstream({ panicThreshold: 100, scaleDownDelaySeconds: 300 });
    expect(at(decider, 2, 10, 40, 40)).toBe(4);
    expect(at(decider, 300, 10, 0, 0)).toBe(4);
    expect(at(decider, 302, 10, 0, 0)).toBe(0);
  });
});

describe('the KPA on a pool', () => {
  it('averages concurrency over both windows, for 70 % of the capacity of a pod', () => {
    const scaler = kpa.create(scalerInput({}, { maxSequences: 8 }), {});
    const tick = (after: number, running: number) => {
      const now = seen(after, { ready: 1, running });
      return scaler.tick(now, now.atMs);
    };
    // 9.01 requests at capacity (profile), so 6.31 a pod.
    for (let after = 0; after < 60; after += 2) tick(after, 6);
    expect(scaler.steps.map(({ ordered }) => ordered)).toEqual([1]);
    // Within 6 s: (6 + 6 + 30) / 3 = 14 asks for ceil(2.2) = 3 pods, panic; over 60 s: 6.8, ceil(1.08) = 2.
    expect(tick(60, 30)).toMatchObject({
      decode: 3,
      reason: 'panic: concurrency 6.8, lately 14.0, target 6.3 a pod',
    });
  });
});
