import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { readRecorded } from '../../src/telemetry/recorded.js';
import { Recorder } from '../../src/telemetry/recorder.js';
import { outputsKey } from '../../src/telemetry/slots.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const keys = new Keys('test');
let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

/** A whole minute. */
const NOW = 1_700_000_040_000;

test('the last whole minutes are there with who came when, and the lengths within 5 %', async () => {
  const recorder = new Recorder(redis, keys, { clock: () => NOW });
  const ended = { kind: 'completed', attained: true, isl: 1000 } as const;
  recorder.arrival('high', NOW - 60_000, 1000);
  recorder.arrival('high', NOW - 57_500, 1000);
  recorder.turnedAway('high', NOW - 57_100, 20);
  recorder.ended('high', { ...ended, osl: 300, atMs: NOW - 1 });
  recorder.ended('high', { ...ended, kind: 'failed', osl: 5, atMs: NOW - 1 });
  // Of the minute that has just begun.
  recorder.arrival('high', NOW, 1000);
  await recorder.flush();

  const [quiet, busy, ...more] = await readRecorded(redis, keys, 'high', NOW + 30_000, 2);
  expect(more).toEqual([]);
  expect(quiet).toEqual({ startSecond: NOW / 1000 - 120, arrivals: [], prompts: [], outputs: [] });
  expect(busy?.arrivals).toEqual([
    [0, 1],
    [2, 2],
  ]);
  const [short, long] = busy!.prompts;
  expect([short![1], long![1]]).toEqual([1, 2]);
  expect(Math.abs(short![0] / 20 - 1)).toBeLessThan(0.06);
  expect(Math.abs(long![0] / 1000 - 1)).toBeLessThan(0.05);
  expect(busy!.outputs.map(([, count]) => count)).toEqual([1]);
  expect(Math.abs(busy!.outputs[0]![0] / 300 - 1)).toBeLessThan(0.05);

  // Bounded: gone two minutes after the hour for which it is wanted.
  expect(await redis.ttl(outputsKey(keys, 'high', NOW / 1000 - 60))).toBeLessThanOrEqual(3720);
  expect(await redis.ttl(outputsKey(keys, 'high', NOW / 1000 - 60))).toBeGreaterThan(3600);
});
