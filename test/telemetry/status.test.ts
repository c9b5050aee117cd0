import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Lease } from '../../src/contract/lease.js';
import type { TransitionRecord } from '../../src/contract/transition.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolQueues } from '../../src/queues/pool-queues.js';
import { collectObservation } from '../../src/telemetry/observe.js';
import { Recorder } from '../../src/telemetry/recorder.js';
import { collectStatus, StatusCollector } from '../../src/telemetry/status.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { config as base, heartbeat, pool } from './support.js';

const low = { ...pool, name: 'low', level: 'low', priority: 3, gpuBudget: { guaranteed: 1, ceiling: 1 } };
const config = { ...base, pools: { low, high: pool } };
const keys = new Keys('test');
let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
}, 120_000);
afterEach(() => redis.flushall());
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/** A whole hour, so that an hour of GPU time reads as one. */
const T = 1_700_000_000_000;

function record(sequence: number, overrides: Partial<TransitionRecord>): TransitionRecord {
  return {
    pool: 'high',
    sequence,
    atMs: T + sequence * 1000,
    from: 'steady',
    to: 'steady',
    event: 'TICK',
    reason: 'because',
    numbers: {},
    order: null,
    observation: null,
    ...overrides,
  };
}

function order(generation: number, decode: number): TransitionRecord['order'] {
  return { pool: 'high', generation, prefill: 0, decode, reason: 'load', observationId: 'o' };
}

async function publish(...records: TransitionRecord[]) {
  for (const one of records) await redis.xadd(keys.transitions('high'), '*', 'record', JSON.stringify(one));
}

async function lease(overrides: Partial<Lease>) {
  const full: Lease = {
    leaseId: 'l1',
    pool: 'high',
    role: 'vllm',
    workerId: 'w1',
    host: 'host',
    gpus: ['host:0', 'host:1'],
    state: 'running',
    sinceMs: T,
    stateSinceMs: T,
    leaseMs: 10_000,
    expiresAtMs: T + 10_000,
    generation: 1,
    ...overrides,
  };
  await redis.hset(keys.gpu('leases'), full.leaseId, JSON.stringify(full));
}

test('a system that never ran has nothing known, and every GPU free', async () => {
  const status = await collectStatus(redis, keys, config, T);
  expect(status.startedAtMs).toBeNull();
  expect(status.roles).toEqual([]);
  expect(status.gpus.map((gpu) => gpu.state)).toEqual(['free', 'free', 'free', 'free']);
  expect(status.total).toMatchObject({ gpusHeld: 0, gpus: 4, gpuHours: 0, staticGpuHours: 0, costUsd: 0 });
  expect(status.pools.map(({ name }) => name)).toEqual(['high', 'low']);
  const [high] = status.pools;
  expect(high!.planner).toMatchObject({ state: null, sinceMs: null, transitions: [] });
  expect(high!.workers).toMatchObject({ desired: null, granted: null });
  expect(high!.minute).toMatchObject({
    requests: 0,
    attainment: null,
    ttftSeconds: { mean: null, p95: null },
  });
  expect(high!.utilization).toEqual({ now: null, run: null });
});

test('outcomes, attainment and percentiles are told for a minute, ten minutes and the run', async () => {
  let now = T;
  const recorder = new Recorder(redis, keys, { pools: ['high'], clock: () => now });
  const end = (atMs: number, attained: boolean, ttftSeconds: number) => {
    recorder.arrival('high', atMs, 1000);
    recorder.ended('high', {
      kind: 'completed',
      attained,
      ttftSeconds,
      itlSeconds: 0.02,
      isl: 10,
      osl: 60,
      atMs,
    });
  };
  await recorder.flush();
  for (let i = 0; i < 10; i++) end(T, false, 2);
  for (let i = 0; i < 10; i++) end(T + 3_000_000, true, 1);
  for (let i = 0; i < 10; i++) end(T + 3_540_000, i < 9, 0.5);
  recorder.ended('high', { kind: 'cancelled', attained: false, isl: 1, osl: 0, atMs: T + 3_540_000 });
  recorder.rejected(null);
  now = T + 3_600_000;
  await recorder.flush();
  await recorder.close();

  const status = await collectStatus(redis, keys, config, now);
  const high = status.pools[0]!;
  expect(high.minute).toMatchObject({ requests: 11, attainment: 9 / 11 });
  expect(high.tenMinutes).toMatchObject({ requests: 21, attainment: 19 / 21 });
  expect(high.run).toMatchObject({ requests: 31, attainment: 19 / 31 });
  expect(high.minute.ttftSeconds.mean).toBe(0.5);
  expect(high.run.ttftSeconds.mean).toBeCloseTo((2 + 1 + 0.5) / 3);
  expect(Math.abs(high.run.ttftSeconds.p50! - 1)).toBeLessThanOrEqual(0.01);
  expect(Math.abs(high.run.ttftSeconds.p99! - 2)).toBeLessThanOrEqual(0.02);
  expect(high.counts).toEqual({
    routed: 30,
    refused: 0,
    active: 0,
    completed: 30,
    failed: 0,
    expired: 0,
    cancelled: 1,
    relegated: 0,
  });
  expect(high.tokens).toEqual({ input: 300, output: 1800 });
  expect(status.startedAtMs).toBe(T);
  // One hour with budgets of 4 and 1 GPUs.
  expect(status.total).toMatchObject({ staticGpuHours: 5, savedGpuHours: 5, rejected: 1 });
});

test('the error budget of an hour and a day counts from the mark before them', async () => {
  /** As many of each kind of end. */
  const totals = (ended: number, attained: number) => {
    const kinds = ['completed', 'failed', 'expired', 'cancelled', 'relegated'];
    const counts = Object.fromEntries(kinds.map((kind) => [kind, ended / kinds.length]));
    return redis.hset(keys.telemetry('high', 'totals'), { startedMs: T, ...counts, attained });
  };
  const queues = new PoolQueues('high', keys, redis);
  const look = (nowMs: number) => collectObservation(redis, keys, pool, config, nowMs, queues);
  const H = 3_600_000;
  await totals(100, 100);
  await look(T);
  await totals(300, 290);
  await look(T + 30 * H);
  await look(T + 30 * H + 10_000);
  await totals(400, 380);
  const { budget } = (await collectStatus(redis, keys, config, T + 31 * H)).pools[0]!;
  // 100 ended in the last hour, 10 of them late: 10 % where 5 % are allowed. A day ago is before the mark of 30 h.
  expect(budget.hour).toEqual({
    requests: 100,
    attainment: 0.9,
    burnRate: expect.closeTo(2),
    left: expect.closeTo(-1),
  });
  expect(await redis.zcard(keys.telemetry('high', 'marks'))).toBe(1);
  expect(budget.day).toMatchObject({ requests: 400, attainment: 0.95, burnRate: expect.closeTo(1) });
  expect(budget.minute).toEqual({ requests: 0, attainment: null, burnRate: null, left: null });
  await queues.close();
});

test('a refusal after a pool was chosen counts for the pool and for the whole', async () => {
  const recorder = new Recorder(redis, keys, { pools: ['high'] });
  recorder.rejected('high');
  recorder.rejected(null);
  await recorder.close();
  const status = await collectStatus(redis, keys, config, Date.now());
  expect(status.pools[0]!.counts.refused).toBe(1);
  expect(status.total.rejected).toBe(2);
});

test('planner state, orders and their turns come from the transition stream, each record once', async () => {
  await publish(
    record(1, { from: 'idle', to: 'scaleUp', order: order(1, 2), reason: 'first' }),
    record(2, { from: 'scaleUp', to: 'steady' }),
    record(3, { from: 'steady', to: 'costOptimize', order: order(2, 1) }),
  );
  const collector = new StatusCollector(redis, keys, config);
  const first = (await collector.collect(T + 4000)).pools[0]!;
  expect(first.planner).toMatchObject({ state: 'costOptimize', sinceMs: T + 3000 });
  expect(first.planner.transitions[0]).toMatchObject({ from: 'idle', to: 'scaleUp', reason: 'first' });
  expect(first.scaling).toMatchObject({ scaleUps: 1, scaleDowns: 1, reversals: 1 });
  expect(first.workers.desired).toEqual({ prefill: 0, decode: 1 });

  await publish(record(4, { from: 'costOptimize', to: 'costOptimize', order: order(3, 2) }));
  const [one, two] = await Promise.all([collector.collect(T + 5000), collector.collect(T + 5000)]);
  await collector.close();
  for (const status of [one, two]) {
    expect(status.pools[0]!.scaling).toMatchObject({ scaleUps: 2, scaleDowns: 1, reversals: 2 });
    // An order within the state does not begin it anew.
    expect(status.pools[0]!.planner.sinceMs).toBe(T + 3000);
    expect(status.pools[0]!.planner.statesVisited).toEqual(['idle', 'steady', 'scaleUp', 'costOptimize']);
  }
});

test('GPUs are named with who holds them; use is told by priority', async () => {
  await lease({});
  await lease({ leaseId: 'l2', pool: 'low', workerId: 'w2', gpus: ['host:3'], state: 'draining' });
  const beat = (atMs: number) =>
    redis.hset(keys.heartbeats('high'), 'w1', JSON.stringify(heartbeat({ atMs, activeRequests: 2 })));
  const queues = new PoolQueues('high', keys, redis);
  await beat(T);
  await collectObservation(redis, keys, pool, config, T, queues);
  await beat(T + 4000);
  await collectObservation(redis, keys, pool, config, T + 4000, queues);
  await queues.close();

  await publish(record(1, { order: order(1, 1), reason: 'queue over 0.5' }));
  const status = await collectStatus(redis, keys, config, T + 4000);
  expect(status.gpus).toMatchObject([
    { id: 'host:0', pool: 'high', workerId: 'w1', state: 'running' },
    { id: 'host:1', pool: 'high', workerId: 'w1', state: 'running' },
    { id: 'host:2', pool: null, workerId: null, state: 'free', lease: null },
    { id: 'host:3', pool: 'low', workerId: 'w2', state: 'draining' },
  ]);
  expect(status.gpus[0]?.lease).toMatchObject({ id: 'l1', tp: 2, sinceMs: T, why: 'queue over 0.5' });
  expect(status.total.gpusHeld).toBe(3);
  const high = status.pools[0]!;
  expect(high.gpus).toEqual(['host:0', 'host:1']);
  // Half of the KV blocks of a TP 2 worker for 4 s.
  expect(high.scaling.neededGpuSeconds).toBe(4);
  expect(high.utilization).toEqual({ now: 0.5, run: 0.5 });
  expect(status.priorities).toMatchObject([
    { priority: 1, pools: ['high'], now: 0.5 },
    { priority: 3, pools: ['low'], now: null, run: null },
  ]);
  expect(high.workers.each).toEqual([
    {
      id: 'w1',
      role: 'vllm',
      state: 'ready',
      gpus: ['host:0', 'host:1'],
      running: 2,
      kvUsage: 0.5,
      ageSeconds: 0,
      engineLog: [],
    },
  ]);
  expect(high.tensorParallel).toMatchObject({ degree: 2, tokensPerSecondPerGpu: 0, efficiency: null });
});

test('GPU time costs what the price says, by pool and SLO level', async () => {
  // As the ledger stores it: an hour of milliseconds of one GPU, none held now.
  const hour = { 'gpus:high': 0, 'ms:high': 3_600_000, 'since:high': T, 'gpus:low': 0, 'ms:low': 1_800_000 };
  await redis.hset(keys.gpu('usage'), {
    ...hour,
    'since:low': T,
    'gpus:*': 0,
    'ms:*': 5_400_000,
    'since:*': T,
  });
  const status = await collectStatus(redis, keys, config, T);
  expect(status.pools.map(({ name, costUsd }) => [name, costUsd])).toEqual([
    ['high', 2],
    ['low', 1],
  ]);
  expect(status.levels).toEqual({
    high: { gpuSeconds: 3600, costUsd: 2, usdPerHour: 0, usdPerThousandTokens: null },
    low: { gpuSeconds: 1800, costUsd: 1, usdPerHour: 0, usdPerThousandTokens: null },
  });
});

test('roles are alive, dead until replaced, or restarting', async () => {
  const roles = {
    'ingress-1': { role: 'ingress', pid: 11, atMs: T - 1000 },
    'ingress-0': { role: 'ingress', pid: 10, atMs: T - 60_000 },
    'allocator-1': { role: 'allocator', pid: 12, atMs: T - 60_000 },
    'planner-low': { role: 'planner', pool: 'low', pid: 14, atMs: T },
    supervisor: {
      role: 'supervisor',
      pid: 13,
      atMs: T,
      roles: [
        { name: 'ingress', pid: 11, restarts: 1 },
        { name: 'planner high', pid: null, restarts: 2 },
      ],
    },
    rubbish: 'x',
  };
  for (const [id, role] of Object.entries(roles)) await redis.hset(keys.roles(), id, JSON.stringify(role));
  const status = await collectStatus(redis, keys, config, T);
  expect(status.roles.map(({ role, state, restarts }) => [role, state, restarts])).toEqual([
    ['allocator', 'dead', null],
    ['ingress', 'alive', 1],
    ['planner high', 'restarting', 2],
    ['planner low', 'alive', null],
    ['supervisor', 'alive', null],
  ]);
});
