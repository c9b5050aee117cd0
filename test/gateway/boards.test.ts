import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolQueues } from '../../src/queues/pool-queues.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { Ingress } from '../../src/scheduler/ingress.js';
import { createKey } from '../../src/tenants/key-store.js';
import { until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway } from './support.js';

const SECRET = 'the launch code is <b>tulip</b>';
const open = gatewayConfig();
const guarded = gatewayConfig(({ gateway }) => {
  gateway.auth = 'keys';
});
const keys = new Keys(open.namespace);
let server: TestRedis;
let redis: Redis;
let anyone: Gateway;
let withKeys: Gateway;
let operator: string;
let plain: string;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  anyone = await openGateway(server.url, open);
  withKeys = await openGateway(server.url, guarded);
  const client = await SluiceClient.open(open, server.url);
  await client.submit({ id: 'r-1', prompt: SECRET, slo_level: 'high', params: { stop: [SECRET] } });
  await client.close();
  const fields = { tenant: 'acme', name: '', maxLevel: null, beyond: 'refuse', budget: null } as const;
  const limits = { requestsPerMinute: null, tokensPerMinute: null, concurrent: null };
  const made = (isOperator: boolean) =>
    createKey(redis, keys, { ...fields, ...limits, operator: isOperator }, Date.now());
  operator = (await made(true)).text;
  plain = (await made(false)).text;
});
afterAll(async () => {
  await anyone.close();
  await withKeys.close();
  redis.disconnect();
  await server.stop();
});

const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
const pause = (gateway: Gateway, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/queues/api/queues/high.decode/pause`, { method: 'PUT', headers });

interface Listed {
  queues: { name: string; readOnlyMode: boolean; counts: Record<string, number> }[];
}
async function list(gateway: Gateway, headers: Record<string, string> = {}): Promise<Listed> {
  const answer = await fetch(`${gateway.url}/queues/api/queues`, { headers });
  expect(answer.status).toBe(200);
  return answer.json() as Promise<Listed>;
}

describe('the queue boards', () => {
  it('are a page that loads nothing from another host', async () => {
    const page = await fetch(`${anyone.url}/queues`);
    expect(page.status).toBe(200);
    expect(page.headers.get('content-type')).toContain('text/html');
    const html = await page.text();
    expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
    const script = /src="([^"]+\.js)"/.exec(html)?.[1] ?? '';
    expect((await fetch(new URL(script, `${anyone.url}/queues/`))).status).toBe(200);
  });

  it('show every queue by level and role, read-only', async () => {
    const { queues } = await list(anyone);
    expect(queues.map(({ name }) => name)).toEqual([
      ...['high', 'medium', 'low'].flatMap((level) => [`${level}.decode`, `${level}.prefill`]),
      'requests',
      'scale',
      'webhooks',
    ]);
    expect(queues.every(({ readOnlyMode }) => readOnlyMode)).toBe(true);
    expect(queues[0]?.counts.prioritized).toBe(1);
  });

  it('show no prompt and no engine parameter, neither in lists nor in a job', async () => {
    const all = await fetch(`${anyone.url}/queues/api/queues?activeQueue=high.decode&status=prioritized`);
    const one = await fetch(`${anyone.url}/queues/api/queues/high.decode/r-1`, { headers: bearer(operator) });
    for (const answer of [all, one]) {
      const text = await answer.text();
      expect(text).toContain('r-1');
      expect(text).toContain(`[redacted: ${SECRET.length} characters]`);
      expect(text).not.toContain('tulip');
    }
  });

  it('hide what a plain job brings in fields of its own', async () => {
    const queue = new PoolQueues('x', keys, redis);
    await queue.decode.close();
    const requests = new Queue('requests', { connection: redis, prefix: open.queues.requestsPrefix });
    await requests.add(
      'request',
      { prompt: SECRET, slo_level: 'low', anything: SECRET },
      { jobId: 'plain-1' },
    );
    const text = await (await fetch(`${anyone.url}/queues/api/queues/requests/plain-1`)).text();
    expect(text).toContain('slo_level');
    expect(text).not.toContain('tulip');
    await requests.close();
    await queue.close();
  });

  it('show no text of a plain job that failed because it is no object', async () => {
    const requests = new Queue('requests', { connection: redis, prefix: open.queues.requestsPrefix });
    const ingress = await Ingress.start(open, server.url, pino({ level: 'silent' }));
    const wrong = [SECRET, [SECRET]];
    for (const [at, data] of wrong.entries()) await requests.add('request', data, { jobId: `wrong-${at}` });
    await until(async () => (await requests.getFailedCount()) === wrong.length, 'they fail');
    const shown = async (id: string) =>
      (await fetch(`${anyone.url}/queues/api/queues/requests/${id}`)).text();
    expect(await shown('wrong-0')).toContain('got a string');
    expect(await shown('wrong-1')).toContain('got a list');
    for (const at of wrong.keys()) expect(await shown(`wrong-${at}`)).not.toContain('tulip');
    await ingress.stop();
    await requests.close();
  });

  it('change nothing without the key of an operator, and pause and resume with it', async () => {
    expect((await pause(anyone)).status).toBe(403);
    expect((await pause(anyone, bearer(plain))).status).toBe(403);
    expect((await pause(anyone, { ...bearer(operator), 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    const queues = new PoolQueues('high', keys, redis);
    expect(await queues.decode.isPaused()).toBe(false);
    expect((await pause(anyone, bearer(operator))).status).toBe(200);
    expect(await queues.decode.isPaused()).toBe(true);
    expect((await list(anyone, bearer(operator))).queues[0]?.readOnlyMode).toBe(false);
    expect((await list(anyone)).queues[0]?.readOnlyMode).toBe(true);
    const url = `${anyone.url}/queues/api/queues/high.decode/resume`;
    expect((await fetch(url, { method: 'PUT', headers: bearer(operator) })).status).toBe(200);
    expect(await queues.decode.isPaused()).toBe(false);
    await queues.close();
  });

  it('never take job data, which they show redacted', async () => {
    const answer = await fetch(`${anyone.url}/queues/api/queues/high.decode/r-1/update-data`, {
      method: 'PATCH',
      headers: { ...bearer(operator), 'content-type': 'application/json' },
      body: JSON.stringify({ jobData: { prompt: 'other' } }),
    });
    expect(answer.status).toBe(403);
  });

  it('ask a browser for the key where keys are asked for, and want an operator', async () => {
    const refused = await fetch(`${withKeys.url}/queues`);
    expect(refused.status).toBe(401);
    expect(refused.headers.get('www-authenticate')).toContain('Basic');
    expect((await fetch(`${withKeys.url}/queues`, { headers: bearer(plain) })).status).toBe(403);
    const basic = `Basic ${Buffer.from(`me:${operator}`).toString('base64')}`;
    expect((await list(withKeys, { authorization: basic })).queues.length).toBe(9);
  });
});
