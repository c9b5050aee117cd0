import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { holdKey } from '../../src/gateway/serve/idempotency.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolQueues } from '../../src/queues/pool-queues.js';
import { createKey } from '../../src/tenants/key-store.js';
import { HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { eventsOf, gatewayConfig, openGateway, post } from './support.js';

const config = gatewayConfig(({ gateway }) => {
  gateway.auth = 'keys';
});
const keys = new Keys(config.namespace);
let server: TestRedis;
let redis: Redis;
let first: Gateway;
let second: Gateway;
let engine: HandEngine;
let worker: TestWorker;
const tokens: Record<string, string> = {};

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  first = await openGateway(server.url, config);
  second = await openGateway(server.url, config);
  engine = new HandEngine(2);
  worker = await startPoolWorker(server.url, config, 'medium', engine, 'w');
  for (const tenant of ['acme', 'rival']) {
    const limits = {
      operator: false,
      requestsPerMinute: null,
      tokensPerMinute: null,
      concurrent: null,
      budget: null,
    };
    const fields = { tenant, name: '', maxLevel: null, beyond: 'refuse' as const, ...limits };
    tokens[tenant] = (await createKey(redis, keys, fields, Date.now())).text;
  }
});
afterAll(async () => {
  await worker.stop();
  await Promise.all([first.close(), second.close()]);
  redis.disconnect();
  await server.stop();
});
beforeEach(() => {
  engine.seen.length = 0;
});

const as = (tenant: string) => ({ authorization: `Bearer ${tokens[tenant]}` });

interface View {
  id: string;
  status: string;
  place: number | null;
  response: { choices: [{ message?: { content: string }; text?: string }] } | null;
  error: { code: string } | null;
}

async function submit(body: object = {}, headers: Record<string, string> = {}): Promise<View> {
  const asked = { messages: [{ role: 'user', content: 'hello' }], max_tokens: 6, ...body };
  const answer = await post(`${first.url}/v1/requests`, asked, { ...as('acme'), ...headers });
  expect(answer.status).toBe(202);
  return (await answer.json()) as View;
}

async function look(id: string, gateway = second, tenant = 'acme'): Promise<View> {
  return (await (await fetch(`${gateway.url}/v1/requests/${id}`, { headers: as(tenant) })).json()) as View;
}

const words = (id: string, from: number, to: number) =>
  Array.from({ length: to - from }, (_, k) => `${id}:${from + k} `).join('');

describe('the asynchronous API', () => {
  it('accepts at once, tells where the request stands, and gives its answer at any gateway', async () => {
    const [a, b, c] = [
      await submit(),
      await submit(),
      await submit({ messages: undefined, prompt: 'one two' }),
    ];
    await until(() => engine.seen.length === 2, 'two run');
    expect(await look(a.id)).toMatchObject({ status: 'running', place: null, slo_level: 'medium' });
    expect(await look(c.id)).toMatchObject({ status: 'queued', place: 0, response: null });
    for (const { id } of [a, b, c]) engine.allow(id, 6);
    await until(async () => (await look(c.id)).status === 'completed', 'the end');
    expect((await look(a.id)).response!.choices[0].message!.content).toBe(words(a.id, 0, 6));
    expect((await look(c.id)).response!.choices[0].text).toBe(words(c.id, 0, 6));
  });

  it('resumes its stream at any token, on another gateway, while it runs and after its end', async () => {
    const { id } = await submit();
    await until(() => engine.seen.length === 1, 'it runs');
    engine.allow(id, 3);
    const read = async (url: string, headers = {}) => {
      const response = await fetch(url, { headers: { ...as('acme'), ...headers } });
      expect(response.headers.get('content-type')).toContain('text/event-stream');
      let text = '';
      let last = '';
      for await (const event of eventsOf(response)) {
        if (event.data === '[DONE]') break;
        last = event.id ?? last;
        const chunk = JSON.parse(event.data) as { choices: { delta: { content?: string } }[] };
        text += chunk.choices[0]?.delta.content ?? '';
        if (text.endsWith(':2 ')) engine.allow(id, 6);
      }
      return { text, last };
    };
    expect(await read(`${first.url}/v1/requests/${id}/stream`)).toEqual({ text: words(id, 0, 6), last: '6' });
    expect((await read(`${second.url}/v1/requests/${id}/stream?from=4`)).text).toBe(words(id, 4, 6));
    const resumed = await read(`${second.url}/v1/requests/${id}/stream`, { 'last-event-id': '2' });
    expect(resumed.text).toBe(words(id, 2, 6));
    // An EventSource that reconnects sends the address that it began with, and how far it came.
    const reconnected = await read(`${second.url}/v1/requests/${id}/stream?from=0`, { 'last-event-id': '4' });
    expect(reconnected.text).toBe(words(id, 4, 6));
    const ahead = await read(`${second.url}/v1/requests/${id}/stream?from=5`, { 'last-event-id': '4' });
    expect(ahead.text).toBe(words(id, 5, 6));
    for (const [query, headers] of [
      ['?from=-1', {}],
      ['?from=1', { 'last-event-id': 'x' }],
    ] as const) {
      const url = `${first.url}/v1/requests/${id}/stream${query}`;
      expect((await fetch(url, { headers: { ...as('acme'), ...headers } })).status).toBe(400);
    }
  });

  it('cancels what waits and what runs', async () => {
    const [a, b, waiting] = [await submit(), await submit(), await submit()];
    await until(() => engine.seen.length === 2, 'two run');
    const cancel = async (id: string) => {
      const options = { method: 'DELETE', headers: as('acme') };
      return (await fetch(`${second.url}/v1/requests/${id}`, options)).json();
    };
    expect(await cancel(waiting.id)).toMatchObject({ status: 'cancelled', error: { code: 'cancelled' } });
    expect(await cancel(a.id)).toMatchObject({ status: 'cancelled' });
    expect(engine.aborted).toContain(a.id);
    engine.allow(b.id, 6);
    await until(async () => (await look(b.id)).status === 'completed', 'the other ends');
    expect(await cancel(b.id)).toMatchObject({ status: 'completed' });
    // Sent again by its key, a cancelled request is that one still.
    const headers = { 'idempotency-key': 'given-up' };
    const given = await submit({}, headers);
    expect(await cancel(given.id)).toMatchObject({ status: 'cancelled' });
    expect(await submit({}, headers)).toMatchObject({ id: given.id, status: 'cancelled' });
  });

  it("shows and cancels nothing of another tenant's, as if it were not there", async () => {
    const { id } = await submit();
    const none = await fetch(`${first.url}/v1/requests/req-00000000-0000-0000-0000-000000000000`, {
      headers: as('rival'),
    });
    for (const [method, path] of [
      ['GET', id],
      ['GET', `${id}/stream`],
      ['DELETE', id],
    ] as const) {
      const answer = await fetch(`${first.url}/v1/requests/${path}`, { method, headers: as('rival') });
      expect(answer.status).toBe(404);
    }
    expect(none.status).toBe(404);
    engine.allow(id, 6);
    await until(async () => (await look(id)).status === 'completed', 'its end');
  });

  it('runs a request once for one idempotency key, and refuses the key for another body', async () => {
    const headers = { 'idempotency-key': 'order-17' };
    const [one, two] = await Promise.all([submit({}, headers), submit({}, headers)]);
    expect(two.id).toBe(one.id);
    // Who knows the key does not know the id.
    expect(one.id).toMatch(/^req-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const answer = await post(
      `${second.url}/v1/requests`,
      { messages: [{ role: 'user', content: 'other' }], max_tokens: 6 },
      { ...as('acme'), ...headers },
    );
    expect(answer.status).toBe(409);
    const rival = await post(
      `${second.url}/v1/requests`,
      { messages: [{ role: 'user', content: 'other' }], max_tokens: 6 },
      { ...as('rival'), ...headers },
    );
    const other = ((await rival.json()) as View).id;
    expect(other).not.toBe(one.id);
    await until(() => engine.seen.length === 2, 'both run');
    for (const id of [one.id, other]) engine.allow(id, 6);
    await until(async () => (await look(one.id)).status === 'completed', 'its end');
    expect(engine.seen.filter(({ id }) => id === one.id)).toHaveLength(1);
    // Sent again when it has ended, it is still that one.
    expect((await submit({}, headers)).id).toBe(one.id);
    // Nor does it run again when its answer is no longer kept.
    const queues = new PoolQueues('medium', keys, redis);
    await (await queues.find(one.id))?.remove();
    const gone = await post(
      `${second.url}/v1/requests`,
      { messages: [{ role: 'user', content: 'hello' }], max_tokens: 6 },
      { ...as('acme'), ...headers },
    );
    expect([gone.status, await gone.text()]).toEqual([409, expect.stringContaining('no longer kept')]);
    expect(engine.seen.filter(({ id }) => id === one.id)).toHaveLength(1);
  });

  it('refuses an idempotency key for another level or leave to relegate, given by header too', async () => {
    const body = { prompt: 'hello', max_tokens: 6 };
    const ask = async (headers: Record<string, string>) =>
      post(`${first.url}/v1/requests`, body, { ...as('acme'), 'idempotency-key': 'level', ...headers });
    const one = (await (await ask({ 'x-slo-level': 'medium' })).json()) as View;
    expect(await (await ask({ 'x-slo-level': 'medium' })).json()).toMatchObject({ id: one.id });
    expect((await ask({ 'x-slo-level': 'low' })).status).toBe(409);
    expect((await ask({ 'x-slo-level': 'medium', 'x-slo-relegate': 'true' })).status).toBe(409);
    await until(() => engine.seen.length === 1, 'it runs');
    engine.allow(one.id, 6);
    await until(async () => (await look(one.id)).status === 'completed', 'its end');
  });

  it('leaves the key of a refused request free, and one that was accepted under it held', async () => {
    const headers = { ...as('acme'), 'idempotency-key': 'refused' };
    const ask = (level: string, from = first) => {
      const body = { prompt: 'hello', max_tokens: 6, slo_level: level };
      return post(`${from.url}/v1/requests`, body, headers);
    };
    const wrong = await Promise.all([ask('nonsense'), ask('nonsense', second), ask('nonsense')]);
    expect(wrong.map(({ status }) => status)).toEqual([400, 400, 400]);
    const right = await Promise.all(
      Array.from({ length: 6 }, (_, k) => ask('medium', k % 2 ? first : second)),
    );
    const views = (await Promise.all(right.map((answer) => answer.json()))) as View[];
    expect(new Set(views.map(({ id }) => id)).size).toBe(1);
    expect((await ask('nonsense')).status).toBe(409);
    const { id } = views[0]!;
    await until(() => engine.seen.length === 1, 'it runs');
    engine.allow(id, 6);
    await until(async () => (await look(id)).status === 'completed', 'its end');
    expect(engine.seen).toHaveLength(1);
    expect(await (await ask('medium')).json()).toMatchObject({ id, status: 'completed' });
  });

  it('frees an idempotency key only when all that hold it are refused', async () => {
    const name = keys.idempotency('held');
    const one = await holdKey(redis, name, 'print', 'req-1');
    const two = await holdKey(redis, name, 'print', 'req-2');
    expect(two.id).toBe('req-1');
    await one.release();
    // The second may be accepted under the id by now.
    expect((await holdKey(redis, name, 'print', 'req-3')).id).toBe('req-1');
    await expect(holdKey(redis, name, 'other', 'req-4')).rejects.toMatchObject({ code: 'conflict' });
    await two.release();
    await two.release();
    const next = await holdKey(redis, name, 'other', 'req-5');
    expect(next.id).toBe('req-5');
    await one.release(); // too late: the key stands for another request
    expect((await holdKey(redis, name, 'other', 'req-6')).id).toBe('req-5');
  });

  it('lets a chat with an idempotency key be picked up again after its client was cut off', async () => {
    const headers = { ...as('acme'), 'content-type': 'application/json', 'idempotency-key': 'chat-1' };
    const body = JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], max_tokens: 4, stream: true });
    const abort = new AbortController();
    const url = `${first.url}/v1/chat/completions`;
    const cut = fetch(url, { method: 'POST', headers, body, signal: abort.signal });
    await until(() => engine.seen.length === 1, 'it runs');
    const { id } = engine.seen[0]!;
    engine.allow(id, 2);
    await (await cut).body!.getReader().read();
    abort.abort();
    const again = await fetch(`${second.url}/v1/chat/completions`, { method: 'POST', headers, body });
    engine.allow(id, 4);
    const text = await again.text();
    for (let k = 0; k < 4; k++) expect(text).toContain(`${id}:${k} `);
    expect(engine.seen).toHaveLength(1);
  });
});
