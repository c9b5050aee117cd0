import { describe, expect, it } from 'vitest';
import { nearestCell } from '../../../src/profile/tables/decode.js';
import { dynamoLoad } from '../../../src/simulator/baselines/dynamo-load.js';
import { dynamoSlaArima, dynamoSlaConstant } from '../../../src/simulator/baselines/dynamo-sla.js';
import { classicProfileOf } from '../../../src/simulator/baselines/law-tables.js';
import type { Scaler } from '../../../src/simulator/run/scaler.js';
import { roundProfile } from '../../support/profiles.js';
import { scalerInput, seen } from './support.js';

/** Looks every 2 s with a level rate. */
function drive(scaler: Scaler, fromSeconds: number, toSeconds: number, rps: number, ready = 1) {
  for (let after = fromSeconds; after < toSeconds; after += 2) {
    const now = seen(after, { ready, arrivals: Array(20).fill(rps) });
    scaler.tick(now, now.atMs);
  }
  return scaler.steps.map(({ ordered }) => ordered);
}

describe("Dynamo's SLA planner on an aggregated pool", () => {
  const eight = () => scalerInput({}, { maxSequences: 8 });

  it('orders the rate of the last interval over the rate of an engine', () => {
    // 20.02/s an engine (profile): ceil(50 / 20.02) = 3 after the first interval, ceil(100 / 20.02) = 5 after the next.
    const scaler = dynamoSlaConstant.create(eight(), {});
    expect(drive(scaler, 0, 180, 50)).toEqual([1]);
    expect(drive(scaler, 180, 362, 50)).toEqual([1, 3]);
    expect(drive(scaler, 362, 544, 100)).toEqual([1, 3, 5]);
    expect(drive(scaler, 544, 904, 1)).toEqual([1, 3, 5, 1]);
  });

  it('follows a trend with ARIMA', () => {
    const scaler = dynamoSlaArima.create(eight(), { adjustmentSeconds: 60 });
    const constant = dynamoSlaConstant.create(eight(), { adjustmentSeconds: 60 });
    for (let minute = 0; minute < 12; minute++) {
      drive(scaler, minute * 60, minute * 60 + 60, 10 + 8 * minute);
      drive(constant, minute * 60, minute * 60 + 60, 10 + 8 * minute);
    }
    expect(scaler.steps.at(-1)!.ordered!).toBeGreaterThan(constant.steps.at(-1)!.ordered!);
  });

  it('plans for a part of the rate of an engine where it is told to', () => {
    // 36.7/s an engine (profile): 3 for 100/s, and 4 at 0.8 of that.
    const whole = dynamoSlaConstant.create(scalerInput(), {});
    const careful = dynamoSlaConstant.create(scalerInput(), { loadShare: 0.8 });
    expect(drive(whole, 0, 362, 100).at(-1)).toBe(3);
    expect(drive(careful, 0, 362, 100).at(-1)).toBe(4);
  });
});

describe("Dynamo's SLA planner on a disaggregated pool", () => {
  const disaggregation = { enabled: true, minPromptTokens: 1, prefillWorkers: 1 };

  it('reads the law as its profiler would have measured it', () => {
    const { prefill, grid } = classicProfileOf(roundProfile, { prefill: 1, decode: 1 }, 100_000, 9900);
    // 10 + 20 + 1 ms for 1,000 tokens.
    expect(prefill.ttftMs(1000)).toBeCloseTo(31, 9);
    expect(prefill.throughputPerGpu(1000)).toBeCloseTo(1000 / 0.031, 6);
    // Half of 100,000 tokens in contexts of 1,000 (a point of the grid): 49 or 50 sequences, nearest usage 49/99.
    const cell = nearestCell(grid, 0.495, 1000)!;
    const batch = ((49 / 99) * 100_000) / 1000;
    expect(cell.itlMs).toBeCloseTo(4 + 0.05 * batch + 0.04 * batch, 9);
    expect(cell.throughputPerGpu).toBeCloseTo((1000 * batch) / cell.itlMs, 6);
  });

  it('orders both roles by prompt and output tokens', () => {
    const scaler = dynamoSlaConstant.create(scalerInput({ disaggregation }), { noCorrection: 1 });
    drive(scaler, 0, 362, 100);
    // Prompts: 100 x 1,000 / (1,000 / 0.031) = 3.1, so 4. Output: at 60 ms more than 5,000 tokens/s, so 1.
    expect(scaler.tick(seen(364), seen(364).atMs)).toMatchObject({ prefill: 4, decode: 1 });
  });
});

describe("Dynamo's load planner on a pool", () => {
  const tick = (scaler: Scaler, after: number, of: Parameters<typeof seen>[1]) => {
    const now = seen(after, of);
    return scaler.tick(now, now.atMs);
  };

  it('adds an engine when KV and queued prompts exceed the cache, and none while one starts', () => {
    const scaler = dynamoLoad.create(scalerInput(), {});
    tick(scaler, 0, {});
    // 650,000 KV tokens: 0.9 of them and 70,000 prompt tokens that wait inside are 1.008.
    const busy = { kvUsage: 0.9, waitingTokens: 70_000 };
    expect(tick(scaler, 5, { ready: 1, ...busy })).toMatchObject({ decode: 2, reason: 'scale_up' });
    tick(scaler, 10, { ready: 1, ...busy });
    expect(scaler.steps.map(({ ordered }) => ordered)).toEqual([1, 2]);
    tick(scaler, 15, { ready: 2, kvUsage: 0.59 });
    expect(scaler.steps.at(-1)).toMatchObject({ ordered: 1, reason: 'scale_down' });
  });

  it('has other thresholds for latency and for a given load', () => {
    const latency = dynamoLoad.create(scalerInput(), { target: 1 });
    tick(latency, 0, {});
    expect(tick(latency, 5, { ready: 1, kvUsage: 0.41 })).toMatchObject({ decode: 2 });
    const load = dynamoLoad.create(scalerInput(), { target: 2, kvUpPercent: 20, kvDownPercent: 8 });
    tick(load, 0, {});
    expect(tick(load, 5, { ready: 1, kvUsage: 0.2 })).toMatchObject({ decode: 2 });
    // 8 sequences of 1,025 tokens are 0.0126 of 650,000: 0.0102 is 81 % of the usage at capacity.
    const eight = scalerInput({}, { maxSequences: 8 });
    const ofCapacity = { target: 2, kvUpPercent: 80, kvDownPercent: 50, ofCapacity: 1 };
    const relative = dynamoLoad.create(eight, ofCapacity);
    tick(relative, 0, {});
    expect(tick(relative, 5, { ready: 1, kvUsage: 0.0102 })).toMatchObject({ decode: 2 });
  });

  it('scales prefill engines of a disaggregated pool by queued prompts', () => {
    const disaggregation = { enabled: true, minPromptTokens: 1, prefillWorkers: 1 };
    const scaler = dynamoLoad.create(scalerInput({ disaggregation }), { contextLength: 32_768 });
    tick(scaler, 0, {});
    const order = tick(scaler, 5, { ready: 1, readyPrefill: 1, kvUsage: 0.7, waitingTokens: 40_000 });
    expect(order).toMatchObject({ prefill: 2, decode: 1 });
  });
});
