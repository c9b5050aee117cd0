import { request } from 'node:http';
import { connect as dial } from 'node:net';
import OpenAI from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { openGateway, post } from './support.js';

/** The default limit is 16 MiB. */
const BYTES = 18_000_000;
const TIMES = Array.from({ length: 3 }, (_, k) => k);
const LARGE = { prompt: 'x'.repeat(BYTES) };

let redis: TestRedis;
let gateway: Gateway;
beforeAll(async () => {
  redis = await startTestRedis();
  gateway = await openGateway(redis.url);
});
afterAll(async () => {
  await gateway.close();
  await redis.stop();
});

/** What node's client is answered to a body; it stops for nothing. */
function written(headers: Record<string, string | number>): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(`${gateway.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
    });
    sent.on('error', reject).on('response', (answer) => {
      let text = '';
      answer.on('data', (chunk) => (text += String(chunk))).on('error', reject);
      answer.on('end', () => resolve(`${answer.statusCode} ${text}`));
    });
    sent.end(JSON.stringify(LARGE));
  });
}

it.each(TIMES)("node's client reads the 413 to a body over the limit, try %i", async () => {
  const length = Buffer.byteLength(JSON.stringify(LARGE));
  for (const headers of [{ 'content-length': length }, { 'transfer-encoding': 'chunked' }])
    expect(await written(headers)).toMatch(/^413 .*"body_too_large"/);
});

it.each(TIMES)('fetch reads it, try %i', async () => {
  const answer = await post(`${gateway.url}/v1/completions`, LARGE);
  expect(answer.status).toBe(413);
  expect(await answer.json()).toMatchObject({ error: { code: 'body_too_large' } });
});

it.each(TIMES)('the official client reads it, try %i', async () => {
  const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const messages = [{ role: 'user' as const, content: LARGE.prompt }];
  await expect(openai.chat.completions.create({ model: 'm', messages })).rejects.toMatchObject({
    status: 413,
    code: 'body_too_large',
  });
});

it.each(['content-length', 'chunked'])(
  'who reads only after it has written all reads it: %s',
  async (how) => {
    const kind = how === 'chunked' ? 'transfer-encoding: chunked' : `content-length: ${BYTES}`;
    const body = how === 'chunked' ? `${BYTES.toString(16)}\r\n${LARGE.prompt}\r\n0\r\n\r\n` : LARGE.prompt;
    const head = 'POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json';
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = dial(Number(new URL(gateway.url).port), '127.0.0.1');
      socket.on('error', reject).on('close', () => resolve(text));
      socket.write(`${head}\r\n${kind}\r\n\r\n`);
      socket.write(body, () => socket.on('data', (chunk) => (text += String(chunk))));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 413 .*"body_too_large"/s);
  },
);

/** Sends a head, then more and more; the answer, and when each of its ends came, ms. */
function endless(each: string, pauseMs: number): Promise<{ answer: string; firstMs: number; endMs: number }> {
  return new Promise((resolve) => {
    const startedAt = Date.now();
    let [answer, firstMs] = ['', 0];
    const head = 'POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n';
    const socket = dial(Number(new URL(gateway.url).port), '127.0.0.1', () =>
      socket.write(`${head}content-length: 1000000000\r\n\r\n`),
    );
    const timer = setInterval(() => socket.write(each), pauseMs);
    socket.on('data', (chunk) => {
      firstMs ||= Date.now() - startedAt;
      answer += String(chunk);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(timer);
      resolve({ answer, firstMs, endMs: Date.now() - startedAt });
    });
  });
}

it('a slow sender is answered at once, and holds its connection for some seconds at most', async () => {
  const { answer, firstMs, endMs } = await endless('x', 100);
  expect(answer).toMatch(/^HTTP\/1\.1 413 .*"body_too_large"/s);
  expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  expect(firstMs).toBeLessThan(2_000);
  expect(endMs).toBeGreaterThan(3_000);
  expect(endMs).toBeLessThan(9_000);
});

it('a sender without end is cut off by size', async () => {
  const { answer, endMs } = await endless('x'.repeat(8_000_000), 10);
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
  expect(endMs).toBeLessThan(4_500);
});
