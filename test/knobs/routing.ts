import { expect } from 'vitest';
import { buildReport } from '../../src/cli/report/build.js';
import { renderReport } from '../../src/cli/report/render.js';
import type { Config } from '../../src/config/types.js';
import { SluiceError } from '../../src/contract/errors.js';
import { workerSizes } from '../../src/gpu/worker-size.js';
import { Keys } from '../../src/queues/keys.js';
import { GlobalScheduler } from '../../src/scheduler/global-scheduler.js';
import { sloBlock } from '../../src/scheduler/planner-loop/slo-block.js';
import { refusal } from '../../src/scheduler/worker/run.js';
import { PlannerTally } from '../../src/telemetry/activity.js';
import { endFigures } from '../../src/telemetry/figures.js';
import { poolStatus } from '../../src/telemetry/pool-status.js';
import { systemStatus } from '../../src/telemetry/system-status.js';
import { type Knob, knob, poolKnob, poolOf } from './knob.js';
import { heartbeat, NOW, QUIET } from './looks.js';

/** Where requests go, and what is told of a pool, by the fields of the file. */
export const ROUTING: Knob[] = [
  poolKnob('level', {
    says: 'requests of the new level go to the pool, those of the old one to nobody',
    to: 'gold',
    see: (config) => [poolFor(config, { slo_level: 'medium' }), poolFor(config, { slo_level: 'gold' })],
    show: (before, after) =>
      expect([before, after]).toEqual([
        ['p', 'unknown_level'],
        ['unknown_level', 'p'],
      ]),
  }),
  poolKnob('model', {
    says: 'requests for the new model go to the pool, those for the old one at its level to nobody',
    to: 'other-model',
    see: (config) =>
      ['llama-3.1-8b', 'other-model'].map((model) => poolFor(config, { slo_level: 'medium', model })),
    show: (before, after) =>
      expect([before, after]).toEqual([
        ['p', 'unknown_model'],
        ['unknown_level', 'p'],
      ]),
  }),
  poolKnob('preset', {
    says: 'a pool that says nothing else has the values of that tier',
    given: { 'pools.p': { level: 'gold', preset: 'low' } },
    to: 'high',
    see: (config) => [poolOf(config).targets.ttftSeconds, poolOf(config).burstProtection],
    show: (before, after) =>
      expect([before, after]).toEqual([
        [5, false],
        [0.3, true],
      ]),
  }),
  poolKnob('priority', {
    says: 'use of GPUs is told under the new priority, and the pool comes last in the status',
    to: 7,
    see: (config) => {
      const { pools, priorities } = statusOf(config);
      return {
        order: pools.map(({ name }) => name),
        use: priorities.map((use) => [use.priority, ...use.pools]),
      };
    },
    show: (before, after) => {
      expect(before).toEqual({
        order: ['p', 'q'],
        use: [
          [2, 'p'],
          [3, 'q'],
        ],
      });
      expect(after).toEqual({
        order: ['q', 'p'],
        use: [
          [3, 'q'],
          [7, 'p'],
        ],
      });
    },
  }),
  poolKnob('description', {
    says: 'the start-up block and the status tell it',
    to: 'internal batch jobs',
    see: (config) => {
      const block = sloBlock(poolOf(config), workerSizes(poolOf(config))).lines.join('\n');
      const status = statusOf(config).pools.find(({ name }) => name === 'p')?.description;
      return { block: /internal batch jobs/.test(block), status };
    },
    show: (before, after) => {
      expect(before).toEqual({ block: false, status: 'standard service' });
      expect(after).toEqual({ block: true, status: 'internal batch jobs' });
    },
  }),
  poolKnob('ttft_target', {
    says: 'the first token is due so much sooner, which is what the queue is ordered by',
    to: 0.3,
    see: (config) => routed(config, {}).deadlineMs - NOW,
    show: (before, after) => expect([before, after]).toEqual([1000, 300]),
  }),
  poolKnob('queue_timeout_seconds', {
    says: 'a request that waited 30 s is refused as expired after 10 s, not after 60',
    to: 10,
    see: (config) => refusal(routed(config, {}), NOW + 30_000)?.code ?? 'served',
    show: (before, after) => expect([before, after]).toEqual(['served', 'expired']),
  }),
  poolKnob('queue_timeout_seconds', {
    says: 'null lets a request wait for ever',
    to: null,
    see: (config) => refusal(routed(config, {}), NOW + 3_600_000)?.code ?? 'served',
    show: (before, after) => expect([before, after]).toEqual(['expired', 'served']),
  }),
  knob('default_level', {
    says: 'a request that names no level goes to the pool of the new default',
    to: 'medium',
    see: (config) => poolFor(config, {}),
    show: (before, after) => expect([before, after]).toEqual(['q', 'p']),
  }),
  knob('limits.max_prompt_tokens', {
    says: 'a prompt of 2,000 tokens is refused where 1,000 are the most',
    to: 1000,
    see: (config) => poolFor(config, { slo_level: 'medium', prompt: 'word '.repeat(2000) }),
    show: (before, after) => expect([before, after]).toEqual(['p', 'prompt_too_long']),
  }),
  knob('limits.max_output_tokens', {
    says: 'a request for 500 tokens is refused where 100 are the most',
    to: 100,
    see: (config) => poolFor(config, { slo_level: 'medium', max_tokens: 500 }),
    show: (before, after) => expect([before, after]).toEqual(['p', 'invalid_request']),
  }),
  poolKnob('violations_allowed', {
    says: 'a report with 15 % of misses says broken where 10 % are allowed, kept where 20 % are',
    to: 0.2,
    see: (config) => {
      const report = reportOf(config);
      return renderReport(report, config).match(/^p: (kept|BROKE)/m)?.[1];
    },
    show: (before, after) => expect([before, after]).toEqual(['BROKE', 'kept']),
  }),
  poolKnob('gpu_budget.ceiling', {
    says: 'static full provisioning, to which a report compares, is of the budgets: 4 + 2, then 3 + 2 GPUs for an hour',
    to: 3,
    see: (config) => reportOf(config).total.staticGpuHours,
    show: (before, after) => expect([before, after]).toEqual([6, 5]),
  }),
  knob('pricing.usd_per_gpu_hour', {
    says: 'two GPU-hours cost so much, in the report and in the status by level',
    to: 4,
    see: (config) => [reportOf(config).pools.p?.costUsd, statusOf(config).levels.medium?.costUsd],
    show: (before, after) =>
      expect([before, after]).toEqual([
        [5, 5],
        [8, 8],
      ]),
  }),
  knob('namespace', {
    says: 'every key of a pool begins with it, so that installations do not meet',
    to: 'other',
    see: ({ namespace }) => new Keys(namespace).poolPrefix('p'),
    show: (before, after) => expect([before, after]).toEqual(['{knobs:p}', '{other:p}']),
  }),
];

function routed(config: Config, submission: object) {
  const asked = { prompt: 'a few words', slo_level: 'medium', ...submission };
  return new GlobalScheduler(config).route(asked, 'r1', NOW);
}

/** The pool that a request is routed to, or the code of its refusal. */
function poolFor(config: Config, submission: object): string {
  try {
    return new GlobalScheduler(config).route({ prompt: 'a few words', ...submission }, 'r1', NOW).pool;
  } catch (error) {
    return SluiceError.from(error).code;
  }
}

/** A status of pools whose ten minutes cost two GPU-hours each. */
function statusOf(config: Config) {
  const pools = Object.values(config.pools).map((pool) => {
    return poolStatus(pool, config, {
      nowMs: NOW,
      heartbeats: [JSON.stringify(heartbeat({ pool: pool.name }))],
      depth: QUIET,
      minute: endFigures([]),
      minuteSeconds: 60,
      tenMinutes: endFigures([]),
      hourAgo: null,
      dayAgo: null,
      arrivals: [],
      totals: {},
      grant: null,
      desired: null,
      leases: [],
      failures: [],
      gpuSeconds: 7200,
      records: [],
      tally: new PlannerTally({ state: null, ordered: null }, 60),
      profile: null,
    });
  });
  const read = {
    nowMs: NOW,
    startedAtMs: NOW,
    roles: [],
    formerPools: [],
    leases: [],
    whyOrdered: () => null,
    gpuSeconds: 7200,
    rejected: 0,
  };
  return systemStatus(config, pools, read);
}

/** An hour in which 15 of the 100 requests of `p` missed their SLO and its workers held two GPU-hours. */
function reportOf(config: Config) {
  const records = Array.from({ length: 100 }, (_, index) => ({
    index,
    level: 'medium',
    pool: 'p',
    dueSeconds: index,
    lateSeconds: 0,
    acceptedAtMs: NOW,
    endedAtMs: NOW,
    end: 'completed' as const,
    code: null,
    message: null,
    ttftSeconds: 0.5,
    itlSeconds: 0.01,
    relegated: false,
    attained: index >= 15,
    workTokens: 100,
    client: { ttftSeconds: null, itlSeconds: null },
    tokens: { delivered: 1, duplicated: 0, missing: 0 },
  }));
  const p = { gpuSeconds: 7200, maxGpus: 2, start: { state: null, ordered: null }, steps: [] };
  return buildReport(config, records, { pools: { p }, maxGpus: 2, seconds: 3600 }, 3600, false);
}
