import { request } from 'node:http';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { HandEngine, startPoolWorker, type TestWorker } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway } from './support.js';

let redis: TestRedis;
let worker: TestWorker;
let gateway: Gateway;
beforeAll(async () => {
  redis = await startTestRedis();
  worker = await startPoolWorker(redis.url, gatewayConfig(), 'medium', new HandEngine(8, true), 'w');
});
afterEach(() => gateway.close());
afterAll(async () => {
  await worker.stop();
  await redis.stop();
});

async function open(auth: 'none' | 'keys', corsOrigins: string[] = []): Promise<void> {
  gateway = await openGateway(
    redis.url,
    gatewayConfig((config) => Object.assign(config.gateway, { auth, corsOrigins })),
  );
}

/** fetch sets no Host. */
function ask(path: string, headers: Record<string, string>): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const method = path === '/v1/completions' ? 'POST' : 'GET';
    const all = { 'content-type': 'application/json', ...headers };
    const sent = request(`${gateway.url}${path}`, { method, headers: all });
    sent.on('error', reject).on('response', (answer) => {
      let text = '';
      answer.on('data', (chunk) => (text += String(chunk)));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.end(method === 'POST' ? JSON.stringify({ prompt: 'x', max_tokens: 2 }) : undefined);
  });
}

it('without keys, a name that is no loopback address is refused, and the refusal names the setting', async () => {
  await open('none');
  for (const path of ['/v1/completions', '/v1/models', '/v1/requests/x']) {
    const { status, text } = await ask(path, { host: 'evil.com', origin: 'http://evil.com' });
    expect(status).toBe(403);
    expect(JSON.parse(text)).toMatchObject({
      error: { code: 'forbidden', message: expect.stringContaining('set gateway.auth: keys') },
    });
  }
  expect((await ask('/v1/models', { host: 'localhost.evil.com:80' })).status).toBe(403);
});

it.each(['localhost', 'localhost:8080', '127.0.0.1:8080', '127.8.8.8', '[::1]:8080'])(
  'without keys, %s is answered',
  async (host) => {
    await open('none');
    expect((await ask('/v1/completions', { host })).status).toBe(200);
  },
);

it('an allowed origin stays allowed', async () => {
  await open('none', ['https://app.example']);
  expect((await ask('/v1/completions', { origin: 'https://app.example' })).status).toBe(200);
});

it('with keys, the name does not matter: it is the key that is missing', async () => {
  await open('keys');
  expect((await ask('/v1/models', { host: 'llm.example.com' })).status).toBe(401);
});
