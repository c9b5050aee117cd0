import { pino } from 'pino';
import { expect, vi } from 'vitest';
import type { Config } from '../../src/config/types.js';
import { freshMemory } from '../../src/planning/memory.js';
import { policyOf } from '../../src/planning/policy.js';
import { PlannerLoop } from '../../src/scheduler/planner-loop/loop.js';
import { beginning } from '../../src/scheduler/planner-loop/snapshot.js';
import { mindOf } from '../planning/support.js';
import { type Knob, knob, poolOf } from './knob.js';
import { busy, factsOf, more, NOW, observe, planOf } from './looks.js';

const decode = (workers: number) => ({ prefill: 0, decode: workers });

/** When a planner looks, and what it takes for known, by the fields of section `planner`. */
export const PLANNER: Knob[] = [
  knob('planner.fast_interval_seconds', {
    says: 'the planner looks every second, or every five: eleven or three times within ten seconds',
    to: 5,
    see: looksWithinTenSeconds,
    show: (before, after) => expect([before, after]).toEqual([11, 3]),
  }),
  knob('planner.fast_interval_seconds', {
    says: 'a burst is looked for in the newest seconds that lie between two looks: 3 of 60, 6 of 33 a second',
    to: 6,
    see: (config) => {
      const arrivals = [...Array(34).fill(6), 6, 6, 6, 60, 60, 60];
      return planOf(config, busy(1, { arrivals })).numbers.burstRps;
    },
    show: (before, after) => expect([before, after]).toEqual([60, 33]),
  }),
  knob('planner.adjustment_interval_seconds', {
    says: '7 s after the last time the slow loop runs every 5 s, not every 10',
    given: { 'pools.p.cost_optimization': true },
    to: 5,
    see: (config) =>
      planOf(config, busy(2), { ordered: 2, memory: { lastSlowAtMs: NOW - 7000 } }).fewer?.replicas ?? null,
    show: (before, after) => expect([before, after]).toEqual([null, decode(1)]),
  }),
  knob('planner.telemetry_stale_seconds', {
    says: 'telemetry of 7 s ago is missing after 5 s, not after 10: the planner holds',
    to: 5,
    see: (config) => {
      const plan = planOf(config, busy(1, { kvUsage: 3, telemetryAge: 7 }));
      return { blind: plan.blind.is, more: more(plan) };
    },
    show: (before, after) =>
      expect([before, after]).toEqual([
        { blind: false, more: decode(4) },
        { blind: true, more: null },
      ]),
  }),
  knob('planner.window_seconds', {
    says: 'a planner sees the arrivals of so many seconds, and trusts latency so long after workers were short',
    to: 30,
    see: (config) => {
      const latency = { requests: 100, ttftSeconds: 3, itlSeconds: 0.01, violationShare: 0.5 };
      const memory = { lastShortAtMs: NOW - 40_000 };
      return {
        seconds: observe(config).load.arrivals.length,
        more: more(planOf(config, busy(1, { latency }), { memory })),
      };
    },
    show: (before, after) =>
      expect([before, after]).toEqual([
        { seconds: 60, more: null },
        { seconds: 30, more: decode(2) },
      ]),
  }),
];

/** Runs a planner's loop for ten seconds of a clock that does not wait; how often it looked. */
async function looksWithinTenSeconds(config: Config): Promise<number> {
  let looks = 0;
  vi.useFakeTimers({ now: NOW });
  try {
    const loop = new PlannerLoop({
      policy: policyOf(config, poolOf(config), { prefill: 1, decode: 1 }),
      store: {
        hold: async () => true,
        release: async () => {},
        commands: async () => [],
        commit: async () => true,
        saveMind: async () => {},
        saveOutlook: async () => {},
      },
      outbox: { send: async () => {}, failure: async () => null },
      observe: async () => {
        looks++;
        return busy(1);
      },
      restore: async (nowMs) => ({
        snapshot: beginning('p', freshMemory(decode(1), 1, nowMs), 0, nowMs),
        restored: false,
        mind: mindOf(factsOf(config)),
      }),
      beat: async () => {},
      clock: Date.now,
      log: pino({ level: 'silent' }),
    });
    loop.start();
    await vi.advanceTimersByTimeAsync(10_000);
    await loop.stop();
    return looks;
  } finally {
    vi.useRealTimers();
  }
}
