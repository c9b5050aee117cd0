import { describe, expect, it } from 'vitest';
import { memoryStep, sageserveReactive } from '../../../src/simulator/baselines/sageserve.js';
import {
  plannedInstances,
  sageserveLtUa,
  towardsPlan,
} from '../../../src/simulator/baselines/sageserve-ltua.js';
import { scalerInput, seen } from './support.js';

const thresholds = { scaleUpAbove: 0.7, scaleDownBelow: 0.3, gapRatio: 5 };

describe("SageServe's reactive baseline", () => {
  it('adds above 70 %, takes away below 30 %', () => {
    expect([0.71, 0.7, 0.3, 0.29].map((usage) => memoryStep(usage, thresholds))).toEqual([1, 0, 0, -1]);
  });

  it('rests 15 s after each step', () => {
    const scaler = sageserveReactive.create(scalerInput(), {});
    for (let after = 0; after <= 40; after += 5) {
      const now = seen(after, { ready: 1, kvUsage: after === 0 ? 0 : 0.9 });
      scaler.tick(now, now.atMs);
    }
    const begin = seen(0).atMs;
    expect(scaler.steps.map(({ atMs, ordered }) => [(atMs - begin) / 1000, ordered])).toEqual([
      [0, 1],
      [5, 2],
      [20, 3],
      [35, 4],
    ]);
  });

  it('can read its thresholds as shares of the usage at capacity', () => {
    const scaler = sageserveReactive.create(scalerInput({}, { maxSequences: 8 }), { ofCapacity: 1 });
    scaler.tick(seen(0), seen(0).atMs);
    // 8 sequences of 1,025 tokens are 0.0126 of 650,000; 0.01 is 79 % of that.
    const busy = seen(5, { ready: 1, kvUsage: 0.01 });
    expect(scaler.tick(busy, busy.atMs)).toMatchObject({ decode: 2, reason: 'memory utilisation 0.793' });
  });
});

describe('SageServe LT-UA', () => {
  it('plans the fewest instances whose tokens cover the forecast', () => {
    // The example of long_term_allocation.py: 100 tokens an instance, forecasts of 101, 10 and 201.
    expect([101, 10, 201].map((tokens) => plannedInstances(tokens, 100))).toEqual([2, 1, 3]);
    expect(plannedInstances(10, 0)).toBe(1);
  });

  it('goes towards the plan only as utilisation asks for it', () => {
    const to = (current: number, usage: number, gap: number | null = 1) =>
      towardsPlan(current, 4, { usage, gap }, thresholds);
    expect([to(2, 0.8), to(2, 0.5), to(2, 0.1)]).toEqual([3, 2, 2]);
    expect([to(6, 0.8), to(6, 0.5), to(6, 0.1)]).toEqual([6, 6, 5]);
    expect([to(4, 0.9), to(4, 0.1)]).toEqual([4, 4]);
  });

  it('goes beyond the plan where five times the forecast comes', () => {
    expect(towardsPlan(4, 4, { usage: 0.5, gap: 5.1 }, thresholds)).toBe(5);
    expect(towardsPlan(4, 4, { usage: 0.5, gap: 5 }, thresholds)).toBe(4);
    expect(towardsPlan(4, 4, { usage: 0.5, gap: null }, thresholds)).toBe(4);
  });

  it('makes its plan from the tokens of minutes, and no further than that from utilisation', () => {
    const constants = { binSeconds: 10, planSeconds: 100, fromSeconds: 20 };
    const scaler = sageserveLtUa.create(scalerInput({}, { maxSequences: 8 }), constants);
    // 50 requests/s of 1,000 + 50 tokens; 20.0/s an instance (profile): 3 instances.
    for (let after = 0; after <= 300; after += 5) {
      const now = seen(after, { ready: 1, kvUsage: 0.9, arrivals: Array(60).fill(50) });
      scaler.tick(now, now.atMs);
    }
    expect(Math.max(...scaler.steps.map(({ ordered }) => ordered!))).toBeGreaterThan(3);
    // Ten bins until the first plan; meanwhile utilisation alone has added one every 15 s.
    const planned = scaler.steps.filter(({ reason }) => reason.startsWith('plan'));
    expect(planned).toEqual([]);
    for (let after = 305; after <= 400; after += 5) {
      const now = seen(after, { ready: 8, kvUsage: 0.1, arrivals: Array(60).fill(50) });
      scaler.tick(now, now.atMs);
    }
    expect(scaler.steps.at(-1)).toMatchObject({
      ordered: 3,
      reason: expect.stringMatching(/^plan 3, memory/),
    });
  });
});
