import { expect } from 'vitest';
import type { Config } from '../../src/config/types.js';
import { freshMemory } from '../../src/planning/memory.js';
import type { Plan } from '../../src/planning/plan.js';
import { policyOf } from '../../src/planning/policy.js';
import { beginning } from '../../src/scheduler/planner-loop/snapshot.js';
import { tick } from '../../src/scheduler/planner-loop/step.js';
import { endFigures } from '../../src/telemetry/figures.js';
import { bucketOf } from '../../src/telemetry/sketch.js';
import { observation } from '../planning/support.js';
import { type Knob, poolKnob, poolOf } from './knob.js';
import { busy, factsOf, more, NOW, observe, planOf, ramp } from './looks.js';

/** KV that is asked for three times over: ceil(3 / 0.7) = 5 workers would end it. */
const crowded = busy(1, { kvUsage: 3 });
const decode = (workers: number, prefill = 0) => ({ prefill, decode: workers });
const linear = { 'pools.p.load_predictor': 'linear' };
const proactive = { 'pools.p.scaling.look_ahead': 'proactive' };

/** What the planner decides, by the fields of its pool. */
export const PLANNING: Knob[] = [
  poolKnob('gpu_budget.ceiling', {
    says: 'bounds what a need of five workers is granted: four GPUs, then three',
    to: 3,
    see: (config) => more(planOf(config, crowded)),
    show: (before, after) => expect([before, after]).toEqual([decode(4), decode(3)]),
  }),
  poolKnob('max_workers', {
    says: 'bounds what a need of five workers is granted: four workers, then two',
    to: 2,
    see: (config) => more(planOf(config, crowded)),
    show: (before, after) => expect([before, after]).toEqual([decode(4), decode(2)]),
  }),
  poolKnob('tensor_parallelism.decode', {
    says: 'at two GPUs a worker, four GPUs hold two workers',
    to: 2,
    see: (config) => more(planOf(config, crowded)),
    show: (before, after) => expect([before, after]).toEqual([decode(4), decode(2)]),
  }),
  poolKnob('min_workers', {
    says: 'raises the floor: an idle pool of one worker gets a second',
    to: 2,
    see: (config) => more(planOf(config, observation({ ready: 1 }))),
    show: (before, after) => expect([before, after]).toEqual([null, decode(2)]),
  }),
  poolKnob('scale_up_threshold.decode_kv', {
    says: 'a KV load of 0.8 is over 0.7 and adds a worker, not over 0.9',
    to: 0.9,
    see: (config) => more(planOf(config, busy(1, { kvUsage: 0.8 }))),
    show: (before, after) => expect([before, after]).toEqual([decode(2), null]),
  }),
  poolKnob('scale_up_threshold.prefill_queue', {
    says: 'prompts that take 0.8 of the TTFT budget to prefill are over 0.7 and add a worker, not over 0.9',
    to: 0.9,
    see: (config) => more(planOf(config, queueOf(0.8 * budgetTokens(config)))),
    show: (before, after) => expect([before, after]).toEqual([decode(2), null]),
  }),
  poolKnob('scaling.aggressiveness', {
    says: 'aggressive adds all at the first sight of a need, conservative one worker at the third',
    to: 'conservative',
    see: (config) => {
      const plans: Plan[] = [];
      for (let tick = 0; tick < 3; tick++) {
        const last = plans.at(-1);
        plans.push(planOf(config, crowded, last ? { memory: { sightings: last.memory.sightings } } : {}));
      }
      return plans.map(more);
    },
    show: (before, after) =>
      expect([before, after]).toEqual([
        [decode(4), decode(4), decode(4)],
        [null, null, decode(2)],
      ]),
  }),
  poolKnob('scaling.look_ahead', {
    says: 'a rising load that the worker still carries adds one before it is here',
    given: linear,
    to: 'proactive',
    see: (config) => more(planOf(config, busy(1, { arrivals: ramp(0.8 * carried(config)) }))),
    show: (before, after) => expect([before, after]).toEqual([null, decode(2)]),
  }),
  poolKnob('scaling.look_ahead', {
    says: 'proactive looks a cold start and an interval ahead (8 + 10 s), moderate half as far',
    given: { 'pools.p.scaling.look_ahead': 'moderate' },
    to: 'proactive',
    see: (config) => planOf(config, busy(1)).numbers.horizonSeconds,
    show: (before, after) => expect([before, after]).toEqual([9, 18]),
  }),
  poolKnob('load_predictor', {
    says: 'linear sees where a rising load goes, constant does not',
    given: proactive,
    to: 'linear',
    see: (config) => more(planOf(config, busy(1, { arrivals: ramp(0.8 * carried(config)) }))),
    show: (before, after) => expect([before, after]).toEqual([null, decode(2)]),
  }),
  poolKnob('load_predictor', {
    says: 'arima forecasts more of a rising load than constant',
    given: proactive,
    to: 'arima',
    see: (config) => Number(planOf(config, busy(1, { arrivals: ramp(10) })).numbers.forecastRps),
    show: (before, after) => expect(after).toBeGreaterThan(before),
  }),
  ...(['kalman', 'seasonal', 'combined'] as const).map((name) =>
    poolKnob('load_predictor', {
      says: `${name} sees where a rising load goes, constant does not`,
      given: proactive,
      to: name,
      see: (config) => Number(planOf(config, busy(1, { arrivals: ramp(10) })).numbers.forecastRps),
      show: (before, after) => expect(after).toBeGreaterThan(before),
    }),
  ),
  poolKnob('load_predictor', {
    says: 'eight seconds after the last arrival, linear still forecasts requests and keeps the worker, arima does not',
    given: {
      'pools.p.cost_optimization': true,
      'pools.p.min_workers': 0,
      'pools.p.load_predictor': 'linear',
    },
    to: 'arima',
    see: (config) => {
      const grant = { generation: 1, prefill: 0, decode: 1, shortage: 'none' as const };
      const arrivals = [...Array(52).fill(5), ...Array(8).fill(0)];
      return planOf(config, observation({ ready: 1, arrivals, grant })).fewer?.replicas ?? null;
    },
    show: (before, after) => expect([before, after]).toEqual([null, decode(0)]),
  }),
  poolKnob('burst_protection', {
    says: 'a spike far over what the worker carries surges at once',
    to: true,
    see: (config) => {
      const plan = planOf(config, busy(1, { arrivals: [...Array(37).fill(2), 60, 60, 60] }));
      return { spike: plan.spike.is, workers: plan.surge?.replicas.decode ?? null };
    },
    show: (before, after) =>
      expect([before, after]).toEqual([
        { spike: false, workers: null },
        { spike: true, workers: 4 },
      ]),
  }),
  poolKnob('burst_calm_seconds', {
    says: '20 s after a spike a pool is calm after 10 s, not after 30',
    given: { 'pools.p.burst_protection': true },
    to: 10,
    see: (config) => planOf(config, busy(1), { memory: { lastSpikeAtMs: NOW - 20_000 } }).calm.is,
    show: (before, after) => expect([before, after]).toEqual([false, true]),
  }),
  poolKnob('cost_optimization', {
    says: 'a light load on two workers gives one up',
    to: true,
    see: (config) => planOf(config, busy(2), { ordered: 2 }).fewer?.replicas ?? null,
    show: (before, after) => expect([before, after]).toEqual([null, decode(1)]),
  }),
  poolKnob('advisory', {
    says: 'what the floor asks for is ordered, or only advised',
    to: true,
    see: (config) => {
      const begin = beginning('p', freshMemory({ prefill: 0, decode: 0 }, 0, NOW), 0, NOW);
      const policy = policyOf(config, poolOf(config), { prefill: 1, decode: 1 });
      const seen = observation({ arrivals: 1 });
      const { snapshot, record } = tick(begin, {
        observation: seen,
        policy,
        facts: factsOf(config),
        now: NOW,
      });
      return [snapshot.memory.order?.decode ?? null, record?.advice?.decode ?? null];
    },
    show: (before, after) =>
      expect([before, after]).toEqual([
        [1, null],
        [null, 1],
      ]),
  }),
  poolKnob('performance_buffer', {
    says: 'planned for the whole target, the same queue is no shortage and a worker carries more',
    to: 1,
    see: (config) => ({
      more: more(planOf(config, queueOf(0.8 * 0.85 * prefillRate(config)))),
      rps: factsOf(config).rps.decode,
    }),
    show: (before, after) => {
      expect([before.more, after.more]).toEqual([decode(2), null]);
      expect(after.rps).toBeGreaterThan(before.rps);
    },
  }),
  poolKnob('ttft_target', {
    says: 'prompts that a TTFT of 1 s cannot wait for can wait within 5 s',
    to: 5,
    see: (config) => more(planOf(config, queueOf(0.8 * 0.85 * prefillRate(config)))),
    show: (before, after) => expect([before, after]).toEqual([decode(2), null]),
  }),
  poolKnob('itl_target', {
    says: 'a tighter ITL lowers what a worker carries, and an ITL of 0.04 s then asks for one more',
    to: 0.03,
    see: (config) => {
      const latency = { requests: 100, ttftSeconds: 0.1, itlSeconds: 0.04, violationShare: 0 };
      return { more: more(planOf(config, busy(1, { latency }))), rps: factsOf(config).rps.decode };
    },
    show: (before, after) => {
      expect([before.more, after.more]).toEqual([null, decode(2)]);
      expect(after.rps).toBeLessThan(before.rps);
    },
  }),
  poolKnob('latency_percentile', {
    says: 'of 100 requests of which eight are slow, the p90 is fast and the p95 asks for a worker',
    // Else the eight misses would ask by themselves.
    given: { 'pools.p.violations_allowed': 1 },
    to: 95,
    see: (config) => {
      const slow = { completed: 100, attained: 92, [`t${bucketOf(0.2)}`]: 92, [`t${bucketOf(3)}`]: 8 };
      const seen = observe(config, { ended: ended(slow) });
      return { ttft: seen.latency.ttftSeconds ?? 0, more: more(planOf(config, seen)) };
    },
    show: (before, after) => {
      expect(before.ttft).toBeLessThan(0.21);
      expect(after.ttft).toBeGreaterThan(2.9);
      expect([before.more, after.more]).toEqual([null, decode(2)]);
    },
  }),
  poolKnob('violations_allowed', {
    says: '15 % of misses are too many where 10 % are allowed, not where 20 % are',
    to: 0.2,
    see: (config) => {
      const latency = { requests: 100, ttftSeconds: 0.1, itlSeconds: 0.01, violationShare: 0.15 };
      return more(planOf(config, busy(1, { latency })));
    },
    show: (before, after) => expect([before, after]).toEqual([decode(2), null]),
  }),
  poolKnob('expected_isl', {
    says: 'before any request, longer prompts mean fewer requests/s a worker; once prompts were seen, they count',
    to: 6000,
    see: (config) => {
      const seen = { ...busy(1).load, isl: 1000, osl: 100 };
      return { unseen: factsOf(config).rps.decode, seen: factsOf(config, seen).rps.decode };
    },
    show: (before, after) => {
      expect(after.unseen).toBeLessThan(before.unseen);
      expect(after.seen).toBe(before.seen);
    },
  }),
  poolKnob('expected_osl', {
    says: 'before any request, longer outputs mean fewer requests/s a worker',
    to: 2000,
    see: (config) => factsOf(config).rps.decode,
    show: (before, after) => expect(after).toBeLessThan(before),
  }),
  poolKnob('disaggregation.enabled', {
    says: 'a pool that serves gets a prefill worker beside its decode worker',
    to: true,
    see: (config) => more(planOf(config, busy(1))),
    show: (before, after) => expect([before, after]).toEqual([null, decode(1, 1)]),
  }),
  poolKnob('disaggregation.prefill_workers', {
    says: 'a disaggregated pool holds so many prefill workers',
    given: { 'pools.p.disaggregation.enabled': true },
    to: 2,
    see: (config) => more(planOf(config, busy(1))),
    show: (before, after) => expect([before, after]).toEqual([decode(1, 1), decode(1, 2)]),
  }),
  poolKnob('tensor_parallelism.prefill', {
    says: 'prefill workers of two GPUs prefill faster, and leave room for fewer decode workers',
    given: { 'pools.p.disaggregation.enabled': true },
    to: 2,
    see: (config) => ({ rate: factsOf(config).prefillTokensPerSecond, more: more(planOf(config, crowded)) }),
    show: (before, after) => {
      expect(after.rate).toBeGreaterThan(before.rate);
      expect([before.more, after.more]).toEqual([decode(3, 1), decode(2, 1)]);
    },
  }),
  poolKnob('idle_after_seconds', {
    says: 'after 100 s of silence a pool of two workers goes to its floor after 60 s, not after 180',
    to: 60,
    see: (config) => planOf(config, observation({ ready: 2 }), { ordered: 2 }).floor?.replicas ?? null,
    show: (before, after) => expect([before, after]).toEqual([null, decode(1)]),
  }),
  poolKnob('engine.cold_start_seconds', {
    says: 'a slower start makes the planner look further ahead: start and interval, 8 + 10 s, then 60 + 10 s',
    given: proactive,
    to: 60,
    see: (config) => planOf(config, busy(1)).numbers.horizonSeconds,
    show: (before, after) => expect([before, after]).toEqual([18, 70]),
  }),
  poolKnob('engine.profile', {
    says: 'the planner sizes by the profile: a worker of a GPU half as fast carries less',
    to: new URL('./slow-gpu.json', import.meta.url).pathname,
    see: (config) => factsOf(config).rps.decode,
    show: (before, after) => expect(after).toBeLessThan(0.6 * before),
  }),
  poolKnob('gpu_memory_utilization', {
    says: 'with little memory the KV cache bounds what the planner expects of a worker',
    given: { 'pools.p.itl_target': 1, 'pools.p.ttft_target': 30 },
    to: 0.2,
    see: (config) => factsOf(config).rps.decode,
    show: (before, after) => expect(after).toBeLessThan(before),
  }),
];

/** Requests/s that one worker is planned for. */
function carried(config: Config): number {
  return factsOf(config).rps.decode * poolOf(config).performanceBuffer;
}

const prefillRate = (config: Config): number => factsOf(config).prefillTokensPerSecond;

/** Prompt tokens that one worker prefills within TTFT target x buffer. */
function budgetTokens(config: Config): number {
  const { targets, performanceBuffer } = poolOf(config);
  return prefillRate(config) * targets.ttftSeconds * performanceBuffer;
}

function queueOf(waitingTokens: number) {
  return busy(1, { waiting: 5, waitingTokens });
}

function ended(counts: Record<string, number>) {
  return endFigures([Object.fromEntries(Object.entries(counts).map(([key, n]) => [key, String(n)]))]);
}
