import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { createKey, type KeyFields, keyUse, revokeKey } from '../../src/tenants/key-store.js';
import { HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

const config = gatewayConfig(({ gateway }) => {
  gateway.auth = 'keys';
});
const keys = new Keys(config.namespace);
let server: TestRedis;
let redis: Redis;
let gateways: Gateway[];
const engine = new HandEngine(100);
const workers: TestWorker[] = [];

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  gateways = [await openGateway(server.url, config), await openGateway(server.url, config)];
  for (const pool of ['high', 'medium', 'low']) {
    workers.push(await startPoolWorker(server.url, config, pool, engine, `w-${pool}`));
  }
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await Promise.all(gateways.map((gateway) => gateway.close()));
  redis.disconnect();
  await server.stop();
});

async function key(fields: Partial<KeyFields> = {}) {
  const free: KeyFields = {
    tenant: 'acme',
    name: '',
    maxLevel: null,
    operator: false,
    beyond: 'refuse',
    requestsPerMinute: null,
    tokensPerMinute: null,
    concurrent: null,
    budget: null,
  };
  return createKey(redis, keys, { ...free, ...fields }, Date.now());
}

function ask(text: string | null, body: object = {}, from = 0): Promise<Response> {
  const headers: Record<string, string> = text === null ? {} : { authorization: `Bearer ${text}` };
  const asked = { messages: [{ role: 'user', content: 'hello there' }], max_tokens: 2, ...body };
  return post(`${gateways[from]!.url}/v1/chat/completions`, asked, headers);
}

/** Lets whatever comes to the engine run to its end. */
async function answerAll<T>(work: Promise<T>): Promise<T> {
  const timer = setInterval(() => {
    for (const { id } of engine.seen) engine.allow(id, 1000);
  }, 5);
  return work.finally(() => clearInterval(timer));
}

describe('a gateway with keys', () => {
  it('refuses requests without a key that works, and answers health checks without one', async () => {
    for (const text of [null, 'sk-sluice-nonsense', `sk-sluice-${'0'.repeat(16)}-${'A'.repeat(43)}`]) {
      const answer = await ask(text);
      expect(answer.status).toBe(401);
      expect(await answer.json()).toMatchObject({
        error: { type: 'authentication_error', code: 'unauthorized' },
      });
    }
    expect((await fetch(`${gateways[0]!.url}/health/ready`)).status).toBe(200);
  });

  it('clamps or refuses a level beyond that of the key, and says what is served', async () => {
    const clamped = await key({ maxLevel: 'medium', beyond: 'clamp' });
    const answer = await answerAll(ask(clamped.text, { slo_level: 'high' }));
    expect(answer.headers.get('x-slo-level')).toBe('medium');
    expect(await answer.json()).toMatchObject({ slo_level: 'medium', service_tier: 'default' });
    const lower = await answerAll(ask(clamped.text, { service_tier: 'flex' }));
    expect(lower.headers.get('x-slo-level')).toBe('low');
    const refusing = await key({ maxLevel: 'medium' });
    const refused = await ask(refusing.text, { service_tier: 'priority' });
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ error: { type: 'permission_error', param: 'slo_level' } });
  });

  it('counts limits over both gateways, and tells when to come again', async () => {
    const { text } = await key({ requestsPerMinute: 6 });
    const asked = Array.from({ length: 12 }, (_, k) => ask(text, {}, k % 2));
    const answers = await answerAll(Promise.all(asked));
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(6);
    const refused = answers.find(({ status }) => status === 429)!;
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(await refused.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'rate_limited' } });
  });

  it('does not count requests a minute that it refused as overloaded', async () => {
    const { text } = await key({ requestsPerMinute: 5 });
    const headers = { authorization: `Bearer ${text}` };
    for (let k = 0; k < 5; k++) {
      const body = { prompt: `one ${k}`, max_tokens: 2, deadline_ms: 1 };
      const refused = await post(`${gateways[0]!.url}/v1/requests`, body, headers);
      expect(await refused.json()).toMatchObject({ error: { code: 'overloaded' } });
    }
    expect((await answerAll(ask(text))).status).toBe(200);
  });

  it('gives places back at the end, and charges tokens and GPU-seconds', async () => {
    const made = await key({
      concurrent: 1,
      tokensPerMinute: 2000,
      budget: { gpuSeconds: 1000, periodSeconds: null },
    });
    for (let k = 0; k < 5; k++) {
      // 5 x 900 tokens asked for, few of them used.
      const answer = await answerAll(ask(made.text, { max_tokens: 900, stop: `${k}` }));
      expect(answer.status).toBe(200);
      await until(
        async () => (await keyUse(redis, keys, made.key, Date.now())).open === 0,
        'the place is free',
      );
      if (k === 0) break;
    }
    expect((await keyUse(redis, keys, made.key, Date.now())).gpuSeconds).toBeGreaterThan(0);
  });

  it('frees the place of a request that its client left, waiting or running', async () => {
    const made = await key({ concurrent: 1 });
    const abort = new AbortController();
    const asked = fetch(`${gateways[0]!.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${made.text}` },
      body: JSON.stringify({ messages: [{ role: 'user', content: 'x' }], max_tokens: 5 }),
      signal: abort.signal,
    });
    const before = engine.aborted.length;
    await until(async () => (await keyUse(redis, keys, made.key, Date.now())).open === 1, 'it is taken');
    await new Promise((resolve) => setTimeout(resolve, 200));
    abort.abort();
    await asked.catch(() => {});
    await until(() => engine.aborted.length > before, 'the engine is freed');
    await until(
      async () => (await keyUse(redis, keys, made.key, Date.now())).open === 0,
      'the place is free',
    );
  });

  it('stops a revoked key within a second everywhere, its running requests too', async () => {
    const made = await key();
    const running = ask(made.text, { stream: true, max_tokens: 50 }, 1);
    const seen = engine.seen.length;
    await until(() => engine.seen.length > seen, 'it runs');
    engine.allow(engine.seen.at(-1)!.id, 3);
    const stream = await running;
    expect(stream.status).toBe(200);
    const models = (from: number) =>
      fetch(`${gateways[from]!.url}/v1/models`, { headers: { authorization: `Bearer ${made.text}` } });
    expect((await models(0)).status).toBe(200);
    await revokeKey(redis, keys, made.key.id, Date.now());
    const revokedAt = Date.now();
    expect((await ask(made.text, {}, 0)).status).toBe(401);
    for (const from of [0, 1]) {
      await until(async () => (await models(from)).status === 401, `gateway ${from} refuses it`, 1_000);
    }
    const text = await stream.text();
    expect(text).toContain('"code":"unauthorized"');
    expect(text).not.toContain('[DONE]');
    await until(() => engine.aborted.includes(engine.seen.at(-1)!.id), 'the engine is freed');
    expect(Date.now() - revokedAt).toBeLessThan(2_000);
  });

  it("cuts a revoked key off from another key's request, which goes on", async () => {
    const [maker, looker] = [await key(), await key()];
    const seen = engine.seen.length;
    const body = { messages: [{ role: 'user', content: 'shared' }], max_tokens: 4 };
    const headers = (text: string) => ({ authorization: `Bearer ${text}`, 'idempotency-key': 'shared' });
    const chat = (text: string, more: object, from: number) =>
      post(`${gateways[from]!.url}/v1/chat/completions`, { ...body, ...more }, headers(text));
    const made = chat(maker.text, {}, 0);
    await until(() => engine.seen.length > seen, 'it runs');
    const { id } = engine.seen.at(-1)!;
    const waiting = chat(looker.text, {}, 1);
    engine.allow(id, 1);
    const follow = `${gateways[1]!.url}/v1/requests/${id}/stream`;
    const begun = await fetch(follow, { headers: headers(looker.text) });
    const later = fetch(`${follow}?from=1`, { headers: headers(looker.text) });
    await new Promise((resolve) => setTimeout(resolve, 300));
    await revokeKey(redis, keys, looker.key.id, Date.now());
    const revokedAt = Date.now();
    const read = await begun.text();
    expect(read).toContain(`${id}:0 `);
    expect(read).toContain('"code":"unauthorized"');
    // What has not begun to answer is refused, as any other request of the key is.
    expect((await later).status).toBe(401);
    expect((await waiting).status).toBe(401);
    expect(Date.now() - revokedAt).toBeLessThan(1_500);
    engine.allow(id, 4);
    expect((await made).status).toBe(200);
    expect(await (await made).text()).toContain(`${id}:3 `);
  });
});
