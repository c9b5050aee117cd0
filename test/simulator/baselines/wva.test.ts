import { describe, expect, it } from 'vitest';
import { analyzeSaturation, wva } from '../../../src/simulator/baselines/wva.js';
import { scalerInput, seen } from './support.js';

const constants = {
  kvCacheThreshold: 0.8,
  queueLengthThreshold: 5,
  kvSpareTrigger: 0.1,
  queueSpareTrigger: 3,
};
const replicas = (...of: [kvUsage: number, queue: number][]) =>
  of.map(([kvUsage, queue]) => ({ kvUsage, queue }));

describe("llm-d WVA's saturation analyzer", () => {
  // The numbers of its analyzer tests.
  it.each([
    ['low KV spare', replicas([0.75, 2], [0.76, 2]), true],
    ['low queue spare', replicas([0.5, 3], [0.5, 3]), true],
    ['healthy', replicas([0.5, 1], [0.5, 1]), false],
    ['all saturated', replicas([0.85, 2], [0.5, 6], [0.9, 7]), true],
    ['no replica', replicas(), false],
  ])('scale up: %s', (_, of, expected) => {
    expect(analyzeSaturation(of, constants).shouldScaleUp).toBe(expected);
  });

  it.each([
    ['adequate headroom', replicas([0.2, 1], [0.3, 1], [0.25, 1]), true],
    ['insufficient headroom', replicas([0.7, 2], [0.75, 2]), false],
    ['only one non-saturated replica', replicas([0.5, 2]), false],
    ['all saturated', replicas([0.85, 2], [0.5, 6], [0.9, 7]), false],
  ])('scale down: %s', (_, of, expected) => {
    expect(analyzeSaturation(of, constants).scaleDownSafe).toBe(expected);
  });

  it('averages what the replicas that are not saturated have to spare', () => {
    // The example of its documentation: 0.15 and 0.08 are 0.115 on average.
    const { spareKv, shouldScaleUp } = analyzeSaturation(replicas([0.65, 0], [0.72, 0]), constants);
    expect(spareKv).toBeCloseTo(0.115, 9);
    expect(shouldScaleUp).toBe(false);
    expect(analyzeSaturation(replicas([0.65, 0], [0.76, 0]), constants).shouldScaleUp).toBe(true);
  });
});

describe('WVA on a pool', () => {
  it('adds one replica a minute, and none while one starts', () => {
    const scaler = wva.create(scalerInput(), {});
    const tick = (after: number, ready: number, starting = 0) => {
      const now = seen(after, { ready, starting, kvUsage: 0.9 });
      scaler.tick(now, now.atMs);
    };
    tick(0, 0);
    for (let after = 10; after <= 120; after += 10) tick(after, 1);
    expect(scaler.steps.map(({ ordered }) => ordered)).toEqual([1, 2]);
    for (let after = 130; after <= 190; after += 10) tick(after, 2);
    expect(scaler.steps.map(({ ordered }) => ordered)).toEqual([1, 2, 3]);
  });

  it('can count KV usage as a share of that at capacity', () => {
    // 8 sequences of 1,025 tokens are 0.0126 of 650,000: 0.0095 is 0.753 of that.
    const scaler = wva.create(scalerInput({}, { maxSequences: 8 }), { ofCapacity: 1 });
    for (const after of [0, 30, 60]) {
      const now = seen(after, { ready: 1, kvUsage: 0.0095 });
      scaler.tick(now, now.atMs);
    }
    expect(scaler.steps.at(-1)).toMatchObject({ ordered: 2, reason: 'spare KV 0.047, spare queue 5.00' });
  });

  it('goes by the highest value of the last minute', () => {
    const scaler = wva.create(scalerInput(), {});
    const tick = (after: number, kvUsage: number) => {
      const now = seen(after, { ready: 1, kvUsage });
      scaler.tick(now, now.atMs);
    };
    tick(0, 0);
    tick(10, 0);
    tick(30, 0.75);
    for (const after of [40, 50, 60]) tick(after, 0);
    expect(scaler.steps.at(-1)).toMatchObject({ ordered: 2, reason: 'spare KV 0.050, spare queue 5.00' });
  });
});
