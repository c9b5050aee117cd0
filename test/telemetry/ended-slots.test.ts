import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { EndedSlots } from '../../src/telemetry/ended-slots.js';
import { readEnded } from '../../src/telemetry/observe.js';
import { latencyKey } from '../../src/telemetry/slots.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const keys = new Keys('test');
/** A whole ten seconds. */
const T = 1_700_000_000_000;
let server: TestRedis;
let redis: Redis;
let ended: EndedSlots;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
}, 120_000);
beforeEach(async () => {
  await redis.flushall();
  ended = new EndedSlots(redis, keys, 'high');
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function record(atMs: number, bucket: number): Promise<void> {
  const key = latencyKey(keys, 'high', Math.floor(atMs / 10_000) * 10);
  for (const field of ['completed', 'attained', `t${bucket}`, `i${bucket - 100}`])
    await redis.hincrby(key, field, 1);
  await redis.hincrby(key, 'ttftUs', 1000);
}

/** What one says who reads all of it. */
async function whole(nowMs: number) {
  return {
    minute: await readEnded(redis, keys, 'high', nowMs, 60),
    tenMinutes: await readEnded(redis, keys, 'high', nowMs, 600),
  };
}

const completed = async (nowMs: number) => (await ended.read(nowMs)).tenMinutes.counters.completed;

test('says at each look what a reading of all slots says, as requests end and the times move on', async () => {
  for (let second = 0; second < 1_500; second += 7) {
    const nowMs = T + second * 1000;
    // Recorders write a little late, so into a slot that is over, too.
    if (second < 800) await record(nowMs - (second % 3) * 1000, -100 - (second % 40));
    const seen = await ended.read(nowMs);
    const all = await whole(nowMs);
    for (const span of ['minute', 'tenMinutes'] as const) {
      expect(seen[span].counters).toEqual(all[span].counters);
      expect(seen[span].ttft.quantile(0.9)).toBe(all[span].ttft.quantile(0.9));
      expect(seen[span].itl.count).toBe(all[span].itl.count);
    }
  }
  expect(await completed(T + 1_500_000)).toBe(0);
});

test('what is written late into a slot long over is seen within as many looks as there are slots', async () => {
  const nowMs = T + 600_000;
  for (let at = T; at <= nowMs; at += 10_000) await record(at, -50);
  expect(await completed(nowMs)).toBe(61);
  await record(T + 300_000, -50);
  // The slot is not read with every look: that is the saving.
  expect(await completed(nowMs)).toBe(61);
  let looks = 0;
  while ((await completed(nowMs)) < 62) expect(++looks).toBeLessThan(61);
});
