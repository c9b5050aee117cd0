import { request as ask } from 'node:http';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RequestDetail } from '../../src/dashboard/request-view.js';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { startPlanner } from '../../src/scheduler/planner-loop/start.js';
import { createKey, revokeKey } from '../../src/tenants/key-store.js';
import { HandEngine, startPoolWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

const config = gatewayConfig();
const keys = new Keys(config.namespace);
let server: TestRedis;
let redis: Redis;
let gateway: Gateway;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  gateway = await openGateway(server.url, config);
});
afterAll(async () => {
  await gateway.close();
  redis.disconnect();
  await server.stop();
});

interface Refusal {
  error: { code: string; message: string };
}
async function refusal(path: string): Promise<Refusal['error'] & { status: number }> {
  const answer = await fetch(`${gateway.url}${path}`);
  return { status: answer.status, ...((await answer.json()) as Refusal).error };
}

test('the stream of a revoked key is cut', async () => {
  const guarded = await openGateway(
    server.url,
    gatewayConfig((change) => {
      change.gateway.auth = 'keys';
    }),
  );
  const limits = { requestsPerMinute: null, tokensPerMinute: null, concurrent: null, budget: null };
  const fields = { tenant: 'acme', name: '', maxLevel: null, beyond: 'refuse' as const, operator: true };
  const { key, text } = await createKey(redis, keys, { ...fields, ...limits }, Date.now());
  const headers = { authorization: `Bearer ${text}` };
  const stream = await fetch(`${guarded.url}/dashboard/stream`, { headers });
  const reader = stream.body!.getReader();
  await reader.read();
  await revokeKey(redis, keys, key.id, Date.now());
  const toItsEnd = async () => {
    while (!(await reader.read()).done);
  };
  await expect(toItsEnd()).rejects.toThrow();
  expect((await fetch(`${guarded.url}/dashboard/stream`, { headers })).status).toBe(401);
  await guarded.close();
});

test('a request that has its first token is not late for as long as it runs', async () => {
  const engine = new HandEngine();
  const worker = await startPoolWorker(server.url, config, 'high', engine, 'w-high');
  const client = await SluiceClient.open(config, server.url);
  const sent = await client.submit({ id: 'r-long', prompt: 'Hello', slo_level: 'high', max_tokens: 5 });
  const detail = async () =>
    (await (await fetch(`${gateway.url}/dashboard/requests/${sent.id}`)).json()) as RequestDetail;
  await until(() => engine.seen.length === 1, 'it runs');
  const before = await detail();
  expect(before.ttftSeconds).toBeNull();
  expect(before.stages.at(-1)).toMatchObject({ name: 'prefill', toMs: null });
  engine.allow(sent.id, 1);
  await until(async () => (await detail()).ttftSeconds !== null, 'its first token is told');
  const [first, later] = [await detail(), await detail()];
  expect(first.state).toBe('running');
  expect(later.slackSeconds).toBe(first.slackSeconds);
  expect(later.atMs).toBeGreaterThanOrEqual(first.atMs);
  expect(first.stages.find(({ name }) => name === 'prefill')?.toMs).not.toBeNull();
  expect(first.stages.at(-1)).toMatchObject({ name: 'decode', toMs: null });
  engine.allow(sent.id, 5);
  await sent.done;
  const done = await detail();
  expect(done.slackSeconds).toBe(first.slackSeconds);
  await client.close();
  await worker.stop();
});

test('an operator is told which floor holds where the one that was asked for does not fit', async () => {
  const stop = startPlanner(
    'high',
    { config, redisUrl: server.url, log: pino({ level: 'silent' }), inspect: null },
    () => {},
  );
  const set = async (min: number) => {
    const answer = await post(`${gateway.url}/dashboard/operate`, { action: 'floor', pool: 'high', min });
    return ((await answer.json()) as { outcome: string }).outcome;
  };
  await until(async () => (await redis.hget(keys.roles(), 'planner-high')) !== null, 'the planner is up');
  expect(await set(1)).toBe('the planner has taken it');
  const most = config.pools.high!.maxWorkers;
  expect(await set(most + 50)).toBe(
    `the planner has taken it; a floor of ${most} holds, more does not fit its limits`,
  );
  const beat = JSON.parse((await redis.hget(keys.roles(), 'planner-high')) ?? '');
  expect(beat.holds.floor).toBe(most);
  await stop();
});

test('a floor, level or state that there is not is 400, with what there is', async () => {
  const answer = await post(`${gateway.url}/dashboard/operate`, {
    action: 'floor',
    pool: 'high',
    min: 99_999,
  });
  expect(answer.status).toBe(400);
  expect(((await answer.json()) as Refusal).error.message).toBe(
    'min: expected a whole number of workers from 0 to 10000',
  );
  expect(await refusal('/dashboard/requests?level=zzz')).toMatchObject({
    status: 400,
    message: 'level: expected one of high, medium, low',
  });
  expect(await refusal('/dashboard/requests?state=zzz')).toMatchObject({
    status: 400,
    message: 'state: expected one of waiting, running, completed, failed, expired, cancelled',
  });
  expect((await fetch(`${gateway.url}/dashboard/requests?level=high&state=&id=`)).status).toBe(200);
});

test('the queue boards, which no key protects, are shown under a name of this machine only', async () => {
  const { port } = new URL(gateway.url);
  const status = (path: string) =>
    new Promise<number | undefined>((resolve) => {
      ask({ port, host: '127.0.0.1', path, headers: { host: 'evil.example' } }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
  expect(await status('/queues')).toBe(403);
  expect(await status('/queues/api/queues')).toBe(403);
  expect((await fetch(`${gateway.url}/queues/api/queues`)).status).toBe(200);
  // Scrapers have names of their own for the gateway.
  expect(await status('/metrics')).toBe(200);
});

test('a Redis that hangs is told, not waited for', async () => {
  process.kill(server.pid, 'SIGSTOP');
  try {
    const paths = ['requests', 'requests/x', 'what-if', 'history'].map((name) => `/dashboard/${name}`);
    const operated = post(`${gateway.url}/dashboard/operate`, { action: 'pause', pool: 'low' });
    const [boards, ...answers] = await Promise.all([
      fetch(`${gateway.url}/queues/api/queues`),
      ...paths.map(refusal),
    ]);
    for (const answer of answers)
      expect(answer).toMatchObject({ status: 503, code: 'no_redis', message: 'Redis does not answer' });
    expect((await operated).status).toBe(503);
    // As the boards' own page reads it.
    expect(boards.status).toBe(503);
    expect(await boards.json()).toEqual({ error: 'Redis does not answer' });
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await until(async () => (await fetch(`${gateway.url}/dashboard/requests`)).status === 200, 'it is back');
  // What was refused is not done later.
  expect(await redis.llen(keys.operator('low'))).toBe(0);
}, 30_000);
