import { connect as dial } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { openGateway, post } from './support.js';

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

/** What a server answers to bytes that are hardly HTTP. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = dial(Number(new URL(gateway.url).port), '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
  });
}

const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;

describe('bad input', () => {
  it.each([
    ['text that is not JSON', '{"messages": [', 'expected JSON'],
    ['an empty body', '', 'expected object'],
    ['a list', '[]', 'expected object'],
    ['null', 'null', 'expected object'],
    ['a poisoned prototype', '{"__proto__": {"x": 1}, "messages": []}', 'expected no key __proto__'],
    ['a poisoned constructor', '{"constructor": {"prototype": {}}}', 'prototype within a key constructor'],
    ['a poisoned text that is not JSON', '{"__proto__": {"x": 1}, "messages": ', 'expected JSON'],
    ['deep nesting', `{"messages": ${deep(100)}}`, 'levels of nesting'],
    ['nesting that would break a stack', `{"messages": ${deep(100_000)}}`, 'levels of nesting'],
    ['a huge number', '{"messages": [{"role": "user", "content": "x"}], "max_tokens": 1e400}', 'max_tokens'],
    [
      'a huge number for the engine',
      '{"messages": [{"role": "user", "content": "x"}], "logit_bias": {"7": -1e999}}',
      'logit_bias: expected a number below',
    ],
    ['a wrong type', '{"messages": "hello"}', 'messages'],
    [
      'a negative deadline',
      '{"messages": [{"role": "user", "content": "x"}], "deadline_ms": -5}',
      'deadline_ms',
    ],
  ])('%s is 400 with a clear message', async (_, body, message) => {
    const answer = await post(`${gateway.url}/v1/chat/completions`, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      error: { type: 'invalid_request_error', message: expect.stringContaining(message) },
    });
  });

  it('bytes that are not UTF-8 are 400', async () => {
    const answer = await fetch(`${gateway.url}/v1/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
    });
    expect(answer.status).toBe(400);
    expect(await answer.text()).toContain('UTF-8');
  });

  it.each([
    ['utf-16', 415],
    ['"iso-8859-1"', 415],
    ['UTF-8', 400],
    ['"utf-8"', 400],
  ])('a body in charset %s is %i', async (charset, status) => {
    const headers = { 'content-type': `application/json; charset=${charset}` };
    const answer = await post(`${gateway.url}/v1/completions`, '{}', headers);
    expect(answer.status).toBe(status);
    if (status === 415) expect(await answer.text()).toContain('expected JSON in UTF-8, got charset');
  });

  it('another content type is 415, an unknown path 404, a wrong method 405', async () => {
    const headers = { 'content-type': 'text/plain' };
    expect((await post(`${gateway.url}/v1/completions`, 'x', headers)).status).toBe(415);
    const none = await fetch(`${gateway.url}/v2/nothing?secret=1`);
    expect(none.status).toBe(404);
    expect(await none.text()).not.toContain('secret');
    const wrong = await fetch(`${gateway.url}/v1/models`, { method: 'PUT' });
    expect(wrong.status).toBe(405);
    expect(wrong.headers.get('allow')).toBe('GET');
    expect((await fetch(`${gateway.url}/%zz`)).status).toBe(400);
  });

  it.each(['/v1/requests/', '/v1/batches/', '/dashboard/requests/'])(
    'an id too long for %s is 400',
    async (path) => {
      const answer = await fetch(`${gateway.url}${path}${'x'.repeat(300)}`);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toEqual({
        error: {
          message: 'path: expected ids of at most 256 characters',
          type: 'invalid_request_error',
          param: 'path',
          code: 'invalid_request',
        },
      });
    },
  );

  it('what is not HTTP is 400, a flood of headers 431, both as JSON', async () => {
    const nonsense = await raw('nonsense\r\n\r\n');
    expect(nonsense).toMatch(/^HTTP\/1\.1 400 /);
    expect(nonsense).toContain('"invalid_request"');
    const flood = await raw(
      `GET / HTTP/1.1\r\nhost: x\r\n${'x-a: '.concat('b'.repeat(1000), '\r\n').repeat(40)}\r\n`,
    );
    expect(flood).toMatch(/^HTTP\/1\.1 431 /);
    expect(flood).toContain('"headers_too_large"');
  });
});
