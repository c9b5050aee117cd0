import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { RequestFacts } from '../../src/contract/request.js';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { GlobalScheduler } from '../../src/scheduler/global-scheduler.js';
import { PoolRouter } from '../../src/scheduler/pool-router.js';
import { createKey } from '../../src/tenants/key-store.js';
import { HandEngine, startPoolWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

const config = gatewayConfig(({ gateway, pools }) => {
  gateway.auth = 'keys';
  for (const pool of Object.values(pools)) pool.admission.policy = 'queue';
});
const keys = new Keys(config.namespace);
const scheduler = new GlobalScheduler(config);
let server: TestRedis;
let redis: Redis;
let router: PoolRouter;
const gateways: Gateway[] = [];
let headers = {};

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  router = new PoolRouter(config.pools.medium!, config, redis, keys);
  const limits = { requestsPerMinute: null, tokensPerMinute: null, concurrent: 1, budget: null };
  const fields = { tenant: 'acme', name: '', maxLevel: null, beyond: 'refuse' as const, operator: false };
  const { text } = await createKey(redis, keys, { ...fields, ...limits }, Date.now());
  headers = { authorization: `Bearer ${text}` };
});
afterEach(async () => {
  await Promise.all(gateways.splice(0).map((gateway) => gateway.close()));
});
afterAll(async () => {
  await router.close();
  redis.disconnect();
  await server.stop();
});

async function open(): Promise<string> {
  const gateway = await openGateway(server.url, config);
  gateways.push(gateway);
  return gateway.url;
}
const asked = { model: undefined, messages: [{ role: 'user', content: 'hi' }], max_tokens: 3 };
const stateOf = async (id: string) => (await router.lookup(id)).state;
const send = (id: string, deadlineMs: number, atMs = Date.now()) => {
  const submission = { prompt: 'why', slo_level: 'medium', max_tokens: 3, deadline_ms: deadlineMs };
  return router.dispatch(scheduler.route(submission, id, atMs), Date.now());
};
const expired = { state: 'ended', outcome: { kind: 'expired', code: 'expired' } };

it('a request of a pool without workers ends with 504 at its deadline, and frees its key’s place', async () => {
  const url = await open();
  for (let k = 0; k < 2; k++) {
    const sentAtMs = Date.now();
    const answer = await post(`${url}/v1/chat/completions`, { ...asked, deadline_ms: 1000 }, headers);
    expect(answer.status).toBe(504);
    expect(await answer.json()).toMatchObject({ error: { code: 'expired' } });
    expect(Date.now() - sentAtMs).toBeGreaterThanOrEqual(1000);
    expect(Date.now() - sentAtMs).toBeLessThan(5000);
  }
  expect(await router.queues.open('decode')).toEqual([]);
  expect(await redis.zcard(keys.expiries('medium'))).toBe(0);
});

it('an asynchronous one expires though the gateway that took it is gone', async () => {
  const answer = await post(`${await open()}/v1/requests`, { ...asked, deadline_ms: 1500 }, headers);
  expect(answer.status).toBe(202);
  const { id } = (await answer.json()) as { id: string };
  await gateways.pop()?.close();
  const url = await open();
  const look = async () => (await (await fetch(`${url}/v1/requests/${id}`, { headers })).json()) as object;
  await until(async () => 'status' in (await look()) && (await stateOf(id)) === 'ended', 'its end');
  expect(await look()).toMatchObject({ status: 'expired', error: { code: 'expired' } });
});

it('one that waits behind a full worker expires, and what runs goes on', async () => {
  await open();
  const engine = new HandEngine(1);
  const worker = await startPoolWorker(server.url, config, 'medium', engine, 'w');
  await send('runs', 500);
  await until(() => engine.seen.length === 1, 'it runs');
  await send('waits', 500);
  await until(async () => (await stateOf('waits')) === 'ended', 'its end');
  expect(await router.lookup('waits')).toMatchObject(expired);
  await sleep(1000);
  expect(await router.lookup('runs')).toMatchObject({ state: 'open', phase: 'running' });
  engine.allow('runs', 3);
  await until(async () => (await stateOf('runs')) === 'ended', 'the end of the other');
  expect(await router.lookup('runs')).toMatchObject({ outcome: { kind: 'completed' } });
  expect(engine.seen.map(({ id }) => id)).toEqual(['runs']);
  await worker.stop();
});

it('one that a worker takes at its deadline ends once, whoever else ends it', async () => {
  const ids = Array.from({ length: 200 }, (_, k) => `r${k}`);
  const startedAtMs = Date.now();
  await Promise.all(ids.map((id, k) => send(id, 1000 + startedAtMs - Date.now() + k)));
  const engine = new HandEngine(20, true);
  const ended: RequestFacts[] = [];
  const sweeps: Promise<unknown>[] = [];
  await sleep(Math.max(0, startedAtMs + 1000 - Date.now()));
  const worker = await startPoolWorker(server.url, config, 'medium', engine, 'w');
  const second = new PoolRouter(config.pools.medium!, config, redis, keys);
  // Two that sweep, and one that cancels.
  for (let k = 0; k < 40; k++) {
    for (const one of [router, second])
      sweeps.push(one.expire(Date.now).then((requests) => ended.push(...requests)));
    if (k === 5) sweeps.push(router.cancel('r199'));
    await sleep(10);
  }
  await Promise.all(sweeps);
  await until(async () => (await Promise.all(ids.map(stateOf))).every((s) => s === 'ended'), 'all ends');
  const kinds = await Promise.all(
    ids.map(async (id) => {
      const found = await router.lookup(id);
      return found.state === 'ended' ? found.outcome.kind : '';
    }),
  );
  const swept = ended.map(({ id }) => id);
  expect(new Set(swept).size).toBe(swept.length);
  const ran = new Set(engine.seen.map(({ id }) => id));
  expect(ran.size).toBe(engine.seen.length);
  expect(swept.filter((id) => ran.has(id))).toEqual([]);
  ids.forEach((id, k) => {
    if (ran.has(id)) expect(kinds[k]).toBe('completed');
    else expect(['expired', 'cancelled']).toContain(kinds[k]);
  });
  expect(await router.queues.open('decode')).toEqual([]);
  await second.close();
  await worker.stop();
});

it('one that is looked at before it is added, its time over, expires all the same', async () => {
  const other = connect(server.url, 'plain');
  const second = new PoolRouter(config.pools.medium!, config, other, keys);
  const ids = Array.from({ length: 200 }, (_, k) => `late-${k}`);
  let adding = true;
  const sweep = async () => {
    while (adding) await second.expire(Date.now);
  };
  const sweeps = [sweep(), sweep()];
  for (const id of ids) await send(id, 1000, Date.now() - 5000);
  adding = false;
  await Promise.all(sweeps);
  await until(async () => {
    await second.expire(Date.now);
    return (await Promise.all(ids.map(stateOf))).every((state) => state === 'ended');
  }, 'all ends');
  await second.close();
  other.disconnect();
});
