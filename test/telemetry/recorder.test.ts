import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { endFigures } from '../../src/telemetry/figures.js';
import { readEnded } from '../../src/telemetry/observe.js';
import { Recorder } from '../../src/telemetry/recorder.js';
import { totalsKey } from '../../src/telemetry/slots.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

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

const NOW = 1_700_000_000_000;
const completed = { kind: 'completed', attained: true, isl: 1000, osl: 100, atMs: NOW } as const;

async function totals() {
  return endFigures([await redis.hgetall(totalsKey(keys, 'high'))]);
}

test('samples of many processes add up to one distribution', async () => {
  const recorders = Array.from({ length: 3 }, () => new Recorder(redis, keys, { clock: () => NOW }));
  // 1 ms .. 300 ms, dealt out in turn: the median is 150 ms, the 95th percentile 285 ms.
  for (let ms = 1; ms <= 300; ms++) {
    recorders[ms % 3]!.ended('high', { ...completed, ttftSeconds: ms / 1000, itlSeconds: 0.02 });
  }
  recorders[0]!.ended('high', { kind: 'expired', attained: false, isl: 1000, osl: 0, atMs: NOW });
  await Promise.all(recorders.map((recorder) => recorder.flush()));

  for (const figures of [await totals(), await readEnded(redis, keys, 'high', NOW, 60)]) {
    expect(figures.counters).toMatchObject({
      completed: 300,
      expired: 1,
      attained: 300,
      isl: 300_000,
      osl: 30_000,
    });
    expect(figures.counters.ttftUs).toBe(((300 * 301) / 2) * 1000);
    expect(Math.abs(figures.ttft.quantile(0.5)! - 0.15)).toBeLessThanOrEqual(0.0015);
    expect(Math.abs(figures.ttft.quantile(0.95)! - 0.285)).toBeLessThanOrEqual(0.00285);
    expect(figures.itl.count).toBe(300);
  }
  expect((await readEnded(redis, keys, 'high', NOW + 120_000, 60)).ttft.count).toBe(0);
});

test('a failed flush keeps its numbers; one whose answer was lost is not counted twice', async () => {
  let mode: 'down' | 'answer lost' | 'up' = 'down';
  const flaky = new Proxy(redis, {
    get(target, name, receiver) {
      if (name !== 'evalsha') return Reflect.get(target, name, receiver);
      return async (...args: Parameters<Redis['evalsha']>) => {
        if (mode === 'down') throw new Error('connection is closed');
        const reply = await target.evalsha(...args);
        if (mode === 'answer lost') throw new Error('connection reset');
        return reply;
      };
    },
  });
  // The script is known to the server, so that each flush is one call.
  const warm = new Recorder(redis, keys);
  warm.arrival('other', NOW, 1000);
  await warm.flush();

  const recorder = new Recorder(flaky, keys, { clock: () => NOW });
  recorder.ended('high', completed);
  await recorder.flush();
  expect((await totals()).counters.completed).toBe(0);
  recorder.ended('high', completed);
  mode = 'answer lost';
  await recorder.flush();
  await recorder.flush();
  expect((await totals()).counters.completed).toBe(1);
  mode = 'up';
  await recorder.flush();
  expect((await totals()).counters.completed).toBe(2);
  await recorder.flush();
  expect((await totals()).counters.completed).toBe(2);
});

test('numbers recorded while Redis is dead arrive once after it is back', { timeout: 60_000 }, async () => {
  const recorder = new Recorder(redis, keys, { flushMs: 20 });
  recorder.start();
  for (let i = 0; i < 10; i++) recorder.ended('high', { ...completed, atMs: Date.now() });
  await recorder.flush();
  // What is on disk survives; the kill comes after the fsync of the second.
  while (!/aof_pending_bio_fsync:0/.test(await redis.info('persistence'))) await sleep(20);
  process.kill(server.pid, 'SIGKILL');
  for (let i = 0; i < 10; i++) {
    recorder.ended('high', { ...completed, atMs: Date.now() });
    await sleep(10);
  }
  await server.restart();
  await recorder.close();
  expect((await totals()).counters.completed).toBe(20);
});

test('closing flushes what is left and gives up on a dead Redis', { timeout: 60_000 }, async () => {
  const recorder = new Recorder(redis, keys, { pools: ['high'] });
  recorder.arrival('high', NOW, 1000);
  await recorder.close();
  expect(await redis.hget(totalsKey(keys, 'high'), 'routed')).toBe('1');

  const nowhere = connect('redis://127.0.0.1:1', 'plain');
  const lost = new Recorder(nowhere, keys);
  lost.arrival('high', NOW, 1000);
  await lost.close();
  nowhere.disconnect();
});
