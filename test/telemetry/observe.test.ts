import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { observationSchema } from '../../src/contract/observation.js';
import type { RoutedRequest } from '../../src/contract/request.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolQueues } from '../../src/queues/pool-queues.js';
import { collectObservation } from '../../src/telemetry/observe.js';
import { Recorder } from '../../src/telemetry/recorder.js';
import { totalsKey } from '../../src/telemetry/slots.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { config, heartbeat, pool } from './support.js';

const keys = new Keys('test');
let server: TestRedis;
let redis: Redis;
let queues: PoolQueues;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
}, 120_000);
beforeEach(() => {
  queues = new PoolQueues('high', keys, redis);
});
afterEach(async () => {
  await queues.close();
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/** A whole second. */
const T = 1_700_000_000_000;

function observe(nowMs: number, poolConfig = pool) {
  return collectObservation(redis, keys, poolConfig, config, nowMs, queues);
}

async function beat(...beats: ReturnType<typeof heartbeat>[]) {
  for (const one of beats) await redis.hset(keys.heartbeats('high'), one.workerId, JSON.stringify(one));
}

function request(id: string, isl: number, acceptedAtMs = T): RoutedRequest {
  const base = { id, level: 'high', pool: 'high', model: 'm', prompt: 'x', maxTokens: 10 };
  return { ...base, isl, acceptedAtMs, deadlineMs: acceptedAtMs + 300 };
}

test('with nothing recorded everything is unknown, not zero', async () => {
  const seen = await observe(T);
  expect(observationSchema.parse(seen)).toEqual(seen);
  expect(seen.telemetryAgeSeconds).toBeNull();
  expect(seen.allocatorAgeSeconds).toBeNull();
  expect(seen.load.arrivals).toHaveLength(60);
  expect(seen.load.arrivals.every((count) => count === null)).toBe(true);
  expect(seen.load).toMatchObject({ kvUsage: null, isl: null, osl: null });
  expect(seen.latency).toEqual({ requests: 0, ttftSeconds: null, itlSeconds: null, violationShare: null });
  expect(seen.grant).toBeNull();
  expect(seen.coldStartSeconds).toBeNull();
});

test('an observed pool without arrivals yields zeros, and arrivals land in their seconds', async () => {
  let now = T;
  const recorder = new Recorder(redis, keys, { pools: ['high'], clock: () => now });
  now = T + 10_000;
  recorder.arrival('high', T + 2_100, 1000);
  recorder.arrival('high', T + 2_900, 1000);
  recorder.arrival('high', T + 5_000, 1000);
  await recorder.flush();

  const seen = await observe(T + 10_200);
  // Seconds T+0 .. T+8: the one before now less the lag is the last whole one.
  expect(seen.load.arrivals.slice(-9)).toEqual([0, 0, 2, 0, 0, 1, 0, 0, 0]);
  expect(seen.load.arrivals.slice(0, -9).every((count) => count === null)).toBe(true);
  expect(seen.telemetryAgeSeconds).toBeCloseTo(0.2);
});

test('latency is told at the watched percentile, with lengths and misses', async () => {
  const recorder = new Recorder(redis, keys, { pools: ['high'], clock: () => T });
  for (let i = 1; i <= 10; i++) {
    const times = { ttftSeconds: i / 10, itlSeconds: i / 100, attained: i <= 6 };
    recorder.ended('high', { kind: 'completed', ...times, isl: 100 * i, osl: 10 * i, atMs: T });
  }
  recorder.ended('high', { kind: 'failed', attained: false, isl: 9999, osl: 0, atMs: T });
  recorder.ended('high', { kind: 'expired', attained: false, isl: 9999, osl: 0, atMs: T });
  await recorder.flush();
  const { latency, load } = await observe(T + 500);
  expect(latency.requests).toBe(12);
  // The 90th percentile of 0.1 .. 1.0 s is 0.9 s.
  expect(Math.abs(latency.ttftSeconds! - 0.9)).toBeLessThanOrEqual(0.009);
  expect(Math.abs(latency.itlSeconds! - 0.09)).toBeLessThanOrEqual(0.0009);
  expect(latency.violationShare).toBeCloseTo(6 / 12);
  expect(load).toMatchObject({ isl: 550, osl: 55 });
});

test('workers count by role and state while their lease lives; KV demand may pass 1', async () => {
  await beat(
    heartbeat({ workerId: 'a', atMs: T }),
    heartbeat({ workerId: 'b', state: 'starting', load: null, readyAtMs: null, atMs: T }),
    heartbeat({ workerId: 'c', role: 'prefill', state: 'draining', atMs: T }),
    heartbeat({ workerId: 'dead', atMs: T - 11_000 }),
    heartbeat({ workerId: 'gone', state: 'stopped', atMs: T }),
  );
  await redis.hset(keys.heartbeats('high'), 'garbage', '{"not":"a heartbeat"');
  const seen = await observe(T);
  expect(seen.workers.decode).toEqual({ starting: 1, ready: 1, draining: 0 });
  expect(seen.workers.prefill).toEqual({ starting: 0, ready: 0, draining: 1 });
  expect(seen.load.kvUsage).toBe(0.5);
  expect(seen.coldStartSeconds).toBe(4);

  for (let i = 0; i < 20; i++) await queues.addWhole(request(`r${i}`, 900, T - 1000 * i), 5);
  const crowded = await observe(T);
  // 1000 blocks of 16 tokens hold 16,000; in use 8,000; waiting 20 x (900 + 100 expected) = 20,000.
  expect(crowded.load.kvUsage).toBeCloseTo(28_000 / 16_000);
  expect(crowded.queue).toEqual({
    prefillWaiting: 20,
    decodeWaiting: 0,
    lateWaiting: 0,
    lateTokens: 0,
    waitingTokens: 18_000,
    oldestWaitSeconds: 19,
  });
});

test('a silent worker ages the telemetry, and what rests on its load is unknown', async () => {
  const recorder = new Recorder(redis, keys, { pools: ['high'], clock: () => T });
  await recorder.flush();
  await beat(heartbeat({ atMs: T - 7_000 }));
  const seen = await observe(T);
  expect(seen.workers.decode.ready).toBe(1);
  expect(seen.telemetryAgeSeconds).toBe(7);
  expect(seen.load.kvUsage).toBeNull();
  expect(seen.queue.waitingTokens).toBeNull();
});

test('a request in a prefill -> decode flow waits for prefill, then for decode', async () => {
  const split = { ...pool, disaggregation: { enabled: true, minPromptTokens: 500, prefillWorkers: 1 } };
  await queues.add(request('flow', 1000), 5, 'flow');
  await queues.addWhole(request('short', 100), 5);
  expect((await observe(T, split)).queue).toMatchObject({
    prefillWaiting: 2,
    decodeWaiting: 0,
    waitingTokens: 1100,
  });
  // What the decode queue holds of long prompts was prefilled.
  await queues.prefill.obliterate({ force: true });
  await queues.decode.obliterate({ force: true });
  await queues.addWhole(request('prefilled', 1000), 5);
  await queues.addWhole(request('short', 100), 5);
  expect((await observe(T, split)).queue).toMatchObject({
    prefillWaiting: 1,
    decodeWaiting: 1,
    waitingTokens: 100,
  });
});

test('observing accounts for GPU use once, however many observe', async () => {
  // Half its KV in use: a TP 2 worker uses one GPU.
  await beat(heartbeat({ atMs: T }));
  await observe(T);
  await beat(heartbeat({ atMs: T + 2000 }));
  await observe(T + 2000);
  await observe(T + 2000);
  await observe(T + 1000);
  const totals = await redis.hgetall(totalsKey(keys, 'high'));
  expect(totals).toMatchObject({ busyGpuMs: '2000', heldGpuMs: '4000' });
});

test('the last grant, the allocator and a cold start measured before are told', async () => {
  const grant = {
    pool: 'high',
    generation: 7,
    status: 'partial',
    asked: { prefill: 0, decode: 3 },
    granted: { prefill: 0, decode: 2 },
    shortage: 'inventory',
    atMs: T,
  };
  await redis.hset(keys.gpu('grants'), 'high', JSON.stringify(grant));
  await redis.set(keys.gpu('beat'), T - 3000);
  await beat(heartbeat({ atMs: T }));
  await observe(T);
  await redis.del(keys.heartbeats('high'));
  const seen = await observe(T);
  expect(seen.grant).toEqual({ generation: 7, prefill: 0, decode: 2, shortage: 'inventory' });
  expect(seen.allocatorAgeSeconds).toBe(3);
  expect(seen.coldStartSeconds).toBe(4);
});
