import OpenAI from 'openai';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SluiceError } from '../../src/contract/errors.js';
import type { Gateway } from '../../src/gateway/gateway.js';
import { HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

const PROMPT = 'my diary: nobody may read this line';
const OWN = /^call-[\w-]{36}$/;

/** It says the same of every request. */
class BrokenEngine extends HandEngine {
  says = '';
  override async *generate(): AsyncIterable<never> {
    yield* [];
    throw new SluiceError('engine_protocol', this.says);
  }
}

let redis: TestRedis;
let gateway: Gateway;
let worker: TestWorker;
const engine = new BrokenEngine();
const lines: string[] = [];
const warnings = () =>
  lines.map((line) => JSON.parse(line)).filter(({ msg, level }) => msg === 'request failed' && level === 40);

beforeAll(async () => {
  const config = gatewayConfig(({ gateway }) => {
    gateway.maxBodyBytes = 10_000;
  });
  redis = await startTestRedis();
  gateway = await openGateway(redis.url, config, pino({}, { write: (line) => lines.push(line) }));
  worker = await startPoolWorker(redis.url, config, 'medium', engine, 'w');
});
afterAll(async () => {
  await worker.stop();
  await gateway.close();
  await redis.stop();
});

it.each([
  ['400', '/v1/completions', { method: 'POST' }],
  ['404', '/v1/nothing', {}],
  ['404', '/v1/requests/none', {}],
  ['405', '/v1/models', { method: 'PUT' }],
  ['400', `/v1/requests/${'x'.repeat(300)}`, {}],
  ['400', '/v1/%zz', {}],
  ['413', '/v1/completions', { method: 'POST', body: 'x'.repeat(20_000) }],
  ['415', '/v1/completions', { method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } }],
])('an answer %s of %s has an id of its own', async (status, path, init) => {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${gateway.url}${path}`, { headers, ...init });
  expect(String(answer.status)).toBe(status);
  expect(answer.headers.get('x-request-id')).toMatch(OWN);
});

it("the official client's error names the call", async () => {
  const openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: 'none', maxRetries: 0 });
  const body = { model: 'no-such-model', messages: [] };
  await expect(openai.chat.completions.create(body)).rejects.toMatchObject({
    requestID: expect.stringMatching(OWN),
  });
  expect((await openai.models.list().withResponse()).request_id).toMatch(OWN);
});

it('a request that fails is answered with its id, and leaves one line with its id, pool, code and reason', async () => {
  engine.says = 'the engine answered 500: boom';
  const answer = await post(`${gateway.url}/v1/completions`, { prompt: PROMPT, max_tokens: 4 });
  expect(answer.status).toBe(502);
  const id = answer.headers.get('x-request-id');
  expect(id).toMatch(/^cmpl-/);
  await until(() => warnings().length > 0, 'a line');
  expect(warnings()).toMatchObject([
    { id, pool: 'medium', code: 'engine_protocol', why: 'the engine answered 500: boom' },
  ]);
});

it('the line never shows what an engine repeats of the prompt', async () => {
  lines.length = 0;
  engine.says = `the engine answered 500: cannot read "${PROMPT}"`;
  const messages = [{ role: 'user', content: PROMPT }];
  await post(`${gateway.url}/v1/chat/completions`, { messages, max_tokens: 4 });
  await until(() => warnings().length > 0, 'a line');
  expect(warnings()[0].why).toMatch(/^\[redacted: \d+ characters\]$/);
  expect(lines.join('')).not.toContain('diary');
});

it('what is wrong with a request is no warning', async () => {
  lines.length = 0;
  expect((await post(`${gateway.url}/v1/completions`, { prompt: 7 })).status).toBe(400);
  expect(lines).toEqual([]);
});
