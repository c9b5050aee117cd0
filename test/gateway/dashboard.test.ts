import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { View } from '../../src/dashboard/view.js';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { createKey } from '../../src/tenants/key-store.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway } from './support.js';

let server: TestRedis;
let redis: Redis;
let gateway: Gateway;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  gateway = await openGateway(server.url);
});
afterAll(async () => {
  await gateway.close();
  redis.disconnect();
  await server.stop();
});

/** The view that a stream begins with. */
async function firstView(url: string, headers: Record<string, string> = {}): Promise<View> {
  return JSON.parse(/^data: (.*)$/m.exec(await firstEvent(url, headers))?.[1] ?? '');
}

async function firstEvent(url: string, headers: Record<string, string> = {}): Promise<string> {
  const stop = new AbortController();
  const response = await fetch(`${url}/dashboard/stream`, { headers, signal: stop.signal });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes('\n\n')) break;
  }
  stop.abort();
  return text;
}

test('the page comes compressed, under a policy that allows nothing but this server', async () => {
  const page = await fetch(`${gateway.url}/`);
  expect(page.status).toBe(200);
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toContain('unsafe');
  const html = await page.text();
  expect(html).not.toMatch(/https?:\/\//);
  const paths = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path]) => path!);
  expect(paths.length).toBe(2);
  let bytes = html.length;
  for (const path of paths) {
    const asset = await fetch(`${gateway.url}${path}`, { headers: { 'accept-encoding': 'br' } });
    expect(asset.headers.get('content-encoding')).toBe('br');
    expect(asset.headers.get('cache-control')).toContain('immutable');
    bytes += Number(asset.headers.get('content-length'));
    await asset.arrayBuffer();
  }
  // The whole page weighs at most 250 KB, compressed.
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThan(250_000);
});

test('the stream tells the same as the status, and a gateway that stops ends it', async () => {
  const view = await firstView(gateway.url);
  expect(view.problem).toBeNull();
  expect(view.status.pools.map(({ name }) => name)).toEqual(['high', 'medium', 'low']);
  expect(view.status.total.gpus).toBe(8);
});

test('pages that come all at once, as after a restart, share one look', async () => {
  const events = await Promise.all(Array.from({ length: 20 }, () => firstEvent(gateway.url)));
  const looks = events.map((text) => Number(/^id: \w+-(\d+)$/m.exec(text)?.[1]));
  // The clock's own looks may come between.
  expect(Math.max(...looks) - Math.min(...looks)).toBeLessThan(5);
});

describe('where keys are asked for', () => {
  test('the page is open, its figures only for an operator', async () => {
    const config = gatewayConfig((change) => {
      change.gateway.auth = 'keys';
    });
    const guarded = await openGateway(server.url, config);
    const keys = new Keys(config.namespace);
    const make = (operator: boolean) => {
      const limits = { requestsPerMinute: null, tokensPerMinute: null, concurrent: null, budget: null };
      const fields = { tenant: 'acme', name: '', maxLevel: null, beyond: 'refuse' as const, operator };
      return createKey(redis, keys, { ...fields, ...limits }, Date.now());
    };
    const [plain, operator] = [await make(false), await make(true)];
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${guarded.url}/dashboard/history`, { headers })).status;
    expect((await fetch(`${guarded.url}/`)).status).toBe(200);
    expect(await status({})).toBe(401);
    expect(await status({ authorization: `Bearer ${plain.text}` })).toBe(403);
    expect(await status({ authorization: `Bearer ${operator.text}` })).toBe(200);
    const view = await firstView(guarded.url, { authorization: `Bearer ${operator.text}` });
    expect(view.keys).toBe(true);
    await guarded.close();
  });
});

describe('where none are', () => {
  test('a page of another site, or of another name for this address, is refused', async () => {
    const ask = (headers: Record<string, string>) => fetch(`${gateway.url}/dashboard/history`, { headers });
    expect((await ask({ 'sec-fetch-site': 'cross-site' })).status).toBe(403);
    expect((await ask({ 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    const { port } = new URL(gateway.url);
    const { request } = await import('node:http');
    const renamed = await new Promise<number | undefined>((resolve) => {
      request(
        { port, host: '127.0.0.1', path: '/dashboard/history', headers: { host: 'evil.example' } },
        (response) => {
          response.resume();
          resolve(response.statusCode);
        },
      ).end();
    });
    expect(renamed).toBe(403);
  });
});
