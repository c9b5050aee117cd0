import { spawnSync } from 'node:child_process';
import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { allocatorsAtWork } from '../../src/cli/up/allocators.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

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

it('finds the allocators that beat, here and on other machines, and no dead one', async () => {
  const keys = new Keys('n');
  const { pid: gone } = spawnSync(process.execPath, ['-e', '']);
  const beat = (over: object) =>
    JSON.stringify({ role: 'allocator', host: hostname(), pid: process.pid, atMs: Date.now(), ...over });
  await redis.hset(keys.roles(), {
    here: beat({}),
    there: beat({ host: 'elsewhere', pid: 7 }),
    died: beat({ pid: gone }),
    silent: beat({ host: 'elsewhere', pid: 8, atMs: Date.now() - 60_000 }),
    ingress: beat({ role: 'ingress' }),
    broken: 'not a beat',
  });
  const found = await allocatorsAtWork(redis, keys);
  expect(found.map(({ pid }) => pid).sort((a, b) => a - b)).toEqual([7, process.pid]);
});
