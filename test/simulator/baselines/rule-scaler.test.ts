import { describe, expect, it } from 'vitest';
import { BASELINES } from '../../../src/simulator/baselines/all.js';
import { constantsOf } from '../../../src/simulator/baselines/constants.js';
import type { Look, Wish } from '../../../src/simulator/baselines/rule.js';
import { RuleScaler } from '../../../src/simulator/baselines/rule-scaler.js';
import { ArrivalCounter, SampleWindow } from '../../../src/simulator/baselines/windows.js';
import { scalerInput, seen } from './support.js';

function scalerOf(wishes: (Wish | null)[], fields: Parameters<typeof scalerInput>[0] = {}) {
  const watched: Look[] = [];
  const asked: Look[] = [];
  const rule = {
    watch: (look: Look) => watched.push(look),
    wish: (look: Look) => {
      asked.push(look);
      return wishes.shift() ?? null;
    },
  };
  const scaler = new RuleScaler(scalerInput(fields), { intervalSeconds: 15, minReplicas: 1 }, rule);
  return { scaler, watched, asked };
}
const granted = (generation: number, decode: number) => ({
  generation,
  prefill: 0,
  decode,
  shortage: 'none' as const,
});

describe('a rule as a scaler', () => {
  it('is shown every look, and asked once in its interval', () => {
    const { scaler, watched, asked } = scalerOf([]);
    for (let after = 0; after <= 60; after += 2) scaler.tick(seen(after), seen(after).atMs);
    // The first look orders the fewest replicas; then it is asked at 2 and at the first even second from 15, 30, ... on.
    expect(watched).toHaveLength(30);
    expect(asked.map(({ nowMs }) => (nowMs - seen(0).atMs) / 1000)).toEqual([2, 16, 30, 46, 60]);
  });

  it('begins with the fewest replicas and orders what the rule asks for, within the budget', () => {
    const { scaler } = scalerOf([
      { decode: 3, why: 'three' },
      { decode: 99, why: 'all' },
      { decode: 0, why: 'none' },
    ]);
    expect(scaler.tick(seen(0), seen(0).atMs)).toMatchObject({ generation: 1, decode: 1 });
    const second = seen(2, { grant: granted(1, 1) });
    expect(scaler.tick(second, second.atMs)).toMatchObject({ generation: 2, decode: 3, reason: 'three' });
    const third = seen(16, { grant: granted(2, 3) });
    expect(scaler.tick(third, third.atMs)).toMatchObject({ generation: 3, decode: 8 });
    // Not answered yet: the same order again.
    const fourth = seen(18, { grant: granted(2, 3) });
    expect(scaler.tick(fourth, fourth.atMs)).toMatchObject({ generation: 3, decode: 8 });
    const fifth = seen(30, { grant: granted(3, 8) });
    expect(scaler.tick(fifth, fifth.atMs)).toMatchObject({ generation: 4, decode: 1 });
  });

  it('holds and does not ask while telemetry is missing or stale', () => {
    const { scaler, watched } = scalerOf([{ decode: 5, why: '' }]);
    scaler.tick(seen(0), seen(0).atMs);
    for (const telemetryAge of [null, 60]) {
      const blind = seen(20, { telemetryAge, grant: granted(1, 1) });
      expect(scaler.tick(blind, blind.atMs)).toBeNull();
    }
    expect(watched).toHaveLength(0);
    expect(scaler.steps.map(({ ordered }) => ordered)).toEqual([1]);
  });

  it('keeps the prefill workers of a disaggregated pool', () => {
    const disaggregation = { enabled: true, minPromptTokens: 1, prefillWorkers: 2 };
    const { scaler } = scalerOf(
      [
        { decode: 3, why: '' },
        { decode: 3, prefill: 4, why: '' },
      ],
      { disaggregation },
    );
    scaler.tick(seen(0), seen(0).atMs);
    expect(scaler.tick(seen(2), seen(2).atMs)).toMatchObject({ prefill: 2, decode: 3 });
    expect(scaler.tick(seen(16), seen(16).atMs)).toMatchObject({ prefill: 4, decode: 3 });
  });
});

describe('what rules are made from', () => {
  it('windows hold what is newer than their length', () => {
    const window = new SampleWindow(10);
    for (let second = 0; second <= 20; second += 5) window.add(second * 1000, second);
    expect(window.last(20_000)).toEqual([15, 20]);
    expect(window.mean(20_000)).toBe(17.5);
    expect(window.max(20_000, 3)).toBe(20);
    expect(window.mean(40_000)).toBeNull();
    const none = new SampleWindow(0);
    for (let second = 0; second < 3; second++) none.add(second * 1000, second);
    expect(none.last(2000)).toEqual([]);
  });

  it('arrivals are told once, unknown seconds left out', () => {
    const counter = new ArrivalCounter();
    const at = (after: number, arrivals: (number | null)[]) => counter.take(seen(after, { arrivals }));
    expect(at(0, [1, 2, 3])).toEqual({ requests: 6, seconds: 3 });
    expect(at(0, [1, 2, 3])).toEqual({ requests: 0, seconds: 0 });
    expect(at(2, [3, 4, 5])).toEqual({ requests: 9, seconds: 2 });
    expect(at(4, [5, null, 7])).toEqual({ requests: 7, seconds: 1 });
    // Longer away than an observation reaches back: what it does not show stays unknown.
    expect(at(60, [1, 1, 1])).toEqual({ requests: 3, seconds: 3 });
  });

  it('constants are the published ones but for those given; others are refused', () => {
    expect(constantsOf('x', { a: 1, b: 2 }, { b: 3 })).toEqual({ a: 1, b: 3 });
    expect(() => constantsOf('x', { a: 1 }, { c: 3 })).toThrow(
      /policy x: expected finite numbers under a, got c: 3/,
    );
    expect(() => constantsOf('x', { a: 1 }, { a: Number.NaN })).toThrow(/got a: NaN/);
  });

  it('every entry of a grid makes a scaler', () => {
    for (const { grid, create } of BASELINES)
      for (const constants of grid) expect(create(scalerInput(), constants).steps).toEqual([]);
  });
});
