import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findSystem } from '../../src/cli/system.js';
import type { Gateway } from '../../src/gateway/gateway.js';
import { Keys } from '../../src/queues/keys.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

const config = gatewayConfig();
const keys = new Keys(config.namespace);
let server: TestRedis;
let admin: Redis;
let gateway: Gateway;

beforeAll(async () => {
  server = await startTestRedis();
  admin = new Redis(server.url);
  gateway = await openGateway(server.url, config);
}, 60_000);
afterAll(async () => {
  delete process.env.REDIS_URL;
  await gateway.close();
  admin.disconnect();
  await server.stop();
});

const ready = () => fetch(`${gateway.url}/health/ready`);
const takesWrites = async () =>
  /^sluice_redis_takes_writes (\d)$/m.exec(await (await fetch(`${gateway.url}/metrics`)).text())?.[1];

it('is ready, and says so to monitoring, only while Redis takes writes', async () => {
  expect((await ready()).status).toBe(200);
  expect(await takesWrites()).toBe('1');
  await admin.config('SET', 'maxmemory', '1');
  const full = await ready();
  expect(full.status).toBe(503);
  expect(await full.json()).toMatchObject({ error: { code: 'redis_full' } });
  expect(await takesWrites()).toBe('0');
  await admin.config('SET', 'maxmemory', '0');
  expect((await ready()).status).toBe(200);
});

it('refuses requests at once while Redis is a replica, and takes them once it is the master again', async () => {
  const ask = () => post(`${gateway.url}/v1/requests`, { prompt: 'hello', max_tokens: 1 });
  await admin.replicaof('127.0.0.1', '1');
  for (const answer of [await ready(), await ask()]) {
    expect(answer.status).toBe(503);
    expect(await answer.json()).toMatchObject({ error: { code: 'no_redis' } });
  }
  await admin.replicaof('NO', 'ONE');
  expect((await ready()).status).toBe(200);
  expect((await ask()).status).toBe(202);
});

it('a system whose roles cannot beat because Redis is full is found all the same', async () => {
  process.env.REDIS_URL = server.url;
  await admin.hset(
    keys.roles(),
    'a',
    JSON.stringify({ role: 'allocator', host: 'another', pid: 1, atMs: 1 }),
  );
  await expect(findSystem({ config })).rejects.toMatchObject({ code: 'not_running' });
  await admin.config('SET', 'maxmemory', '1');
  await expect(findSystem({ config })).resolves.toMatchObject({ redisUrl: server.url });
  await admin.config('SET', 'maxmemory', '0');
});
