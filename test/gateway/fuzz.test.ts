import { connect as dial } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { HandEngine, startPoolWorker, type TestWorker } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway } from './support.js';

const config = gatewayConfig(({ gateway }) => {
  gateway.requestTimeoutSeconds = 1;
});
const engine = new HandEngine(1000, true);
let redis: TestRedis;
let gateway: Gateway;
let worker: TestWorker;
/** Every operation of the gateway's own document: what is registered is attacked. */
let operations: { method: string; path: string; body: boolean }[];
const broken: unknown[] = [];
const onBroken = (error: unknown) => broken.push(error);

beforeAll(async () => {
  process.on('uncaughtExceptionMonitor', onBroken);
  redis = await startTestRedis();
  gateway = await openGateway(redis.url, config);
  worker = await startPoolWorker(redis.url, config, 'medium', engine, 'w');
  const document = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, object>>;
  };
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path, body: method === 'post' })),
  );
});
afterAll(async () => {
  await worker.stop();
  await gateway.close();
  await redis.stop();
  process.off('uncaughtExceptionMonitor', onBroken);
});

/** What must hold after any attack: a clear refusal, or an answer. */
async function refusedOrAnswered(answer: Response): Promise<void> {
  // A stream may have no end.
  if (answer.status < 400) return answer.body?.cancel();
  const text = await answer.text();
  expect(answer.status, text).toBeLessThan(500);
  const { error } = JSON.parse(text) as { error: { message: string; code: string; type: string } };
  expect(error.message.length).toBeGreaterThan(10);
  expect(error.message).not.toMatch(/\bat .*\.(js|ts):\d+/);
  expect(error.type).toMatch(/_error$/);
}

async function works(): Promise<void> {
  const answer = await fetch(`${gateway.url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: 'still there', max_tokens: 2 }),
  });
  expect(answer.status).toBe(200);
  expect(broken).toEqual([]);
}

/** JSON of any shape whose numbers, depths and texts go beyond what is sensible. */
const anyJson = fc.oneof(
  fc.json({ maxDepth: 5 }),
  fc.constantFrom(
    '1e400',
    '-1e400',
    '9007199254740993',
    `${'['.repeat(200)}${']'.repeat(200)}`,
    '"\\ud800"',
    '{"a":',
  ),
  fc.integer({ min: 65, max: 3000 }).map((depth) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`),
);

const wrong = fc.oneof(
  fc.json({ maxDepth: 3 }),
  fc.constantFrom('1e308', '-1', '0.5', 'null', '[]', '{}', '"\\u0000"', '[[]]', 'true'),
);
const FIELDS = [
  'messages',
  'prompt',
  'model',
  'stream',
  'stream_options',
  'n',
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'seed',
  'stop',
  'slo_level',
  'service_tier',
  'slo',
  'deadline_ms',
  'webhook',
  'tools',
  'tool_choice',
  'response_format',
  'logprobs',
  'input_file_id',
  'endpoint',
  'completion_window',
  'metadata',
];

/** A body that is right but for some fields. */
const nearlyRight = fc
  .tuple(fc.boolean(), fc.array(fc.tuple(fc.constantFrom(...FIELDS), wrong), { minLength: 1, maxLength: 4 }))
  .map(([chat, fields]) => {
    const right = chat ? ['"messages":[{"role":"user","content":"x"}]'] : ['"prompt":"x"'];
    return `{${[...right, '"max_tokens":3', ...fields.map(([name, value]) => `${JSON.stringify(name)}:${value}`)].join(',')}}`;
  });

const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((array) => Buffer.from(array)),
  anyJson.map((text) => Buffer.from(text)),
  nearlyRight.map((text) => Buffer.from(text)),
  // A right body with a few of its bytes changed: often not UTF-8 any more.
  fc.tuple(fc.nat(60), fc.integer({ min: 0, max: 255 })).map(([at, byte]) => {
    const body = Buffer.from('{"messages":[{"role":"user","content":"why"}],"max_tokens":2}');
    body[at % body.length] = byte;
    return body;
  }),
);

const ids = fc.oneof(
  fc.string({ minLength: 1, maxLength: 300, unit: 'binary' }).map(encodeURIComponent),
  fc.constantFrom('..%2f..%2f', '%00', '__proto__', 'constructor', '-1', '*', '%E0%A4%A'),
);

describe('whatever is sent to any endpoint', () => {
  it('is refused with a clear 4xx or answered, and the gateway goes on', async () => {
    const attack = fc.record({
      which: fc.nat(),
      id: ids,
      body: bytes,
      query: fc.constantFrom(
        '',
        '?from=-1',
        '?from=1e9',
        '?from=%00',
        '?limit=abc',
        '?from=1&from=2',
        '?__proto__=1',
      ),
      type: fc.constantFrom(
        'application/json',
        'application/json; charset=latin1',
        'text/plain',
        'multipart/form-data',
        '',
      ),
      odd: fc.constantFrom<Record<string, string>>(
        {},
        { 'x-slo-level': 'nonsense' },
        { 'idempotency-key': ' ' },
        { 'idempotency-key': 'x'.repeat(300) },
        { 'last-event-id': 'NaN' },
        { authorization: 'Bearer \u00e9' },
        { 'content-encoding': 'gzip' },
      ),
    });
    await fc.assert(
      fc.asyncProperty(attack, async ({ which, id, body, query, type, odd }) => {
        const { method, path, body: takes } = operations[which % operations.length]!;
        const headers = { ...odd, ...(type === '' ? {} : { 'content-type': type }) };
        const answer = await fetch(`${gateway.url}${path.replaceAll(/\{\w+\}/g, id)}${query}`, {
          method,
          headers,
          ...(takes ? { body: new Uint8Array(body) } : {}),
          signal: AbortSignal.timeout(10_000),
        });
        await refusedOrAnswered(answer);
      }),
      { numRuns: 300 },
    );
    await works();
  });

  it('ends, when its body comes half or slowly, in a 408 or a 400 within the time limit', async () => {
    const posts = operations.filter(({ body }) => body);
    const head = (path: string, length: string) =>
      `POST ${path.replaceAll(/\{\w+\}/g, 'x')} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${length}\r\n\r\n`;
    const asked = posts.flatMap(({ path }) => [
      raw(`${head(path, 'content-length: 1000')}{"prompt": "half`),
      raw(`${head(path, 'transfer-encoding: chunked')}5\r\n{"pro`),
      raw(`${head(path, 'transfer-encoding: chunked')}zz\r\n`),
      raw(`${head(path, 'content-length: -5')}`),
      raw(`${head(path, 'content-length: 10\r\ntransfer-encoding: chunked')}`),
      slow(`${head(path, 'content-length: 1000')}`),
      slow(`POST ${path} HTTP/1.1\r\n`),
    ]);
    for (const answer of await Promise.all(asked)) expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    await works();
  });

  it('ends with 431 when it is a flood of headers, on every path', async () => {
    const flood = 'x-a: '.concat('b'.repeat(500), '\r\n').repeat(60);
    const asked = operations.map(({ method, path }) =>
      raw(`${method} ${path} HTTP/1.1\r\nhost: x\r\n${flood}\r\n`),
    );
    for (const answer of await Promise.all(asked)) expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    const many = 'a:b\r\n'.repeat(3_000);
    expect(await raw(`GET /v1/models HTTP/1.1\r\nhost: localhost\r\n${many}\r\n`)).toMatch(
      /^HTTP\/1\.1 (431|200) /,
    );
    await works();
  });

  it('loses no request of others that run meanwhile', async () => {
    const good = Array.from({ length: 40 }, async (_, k) => {
      const answer = await fetch(`${gateway.url}/v1/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ prompt: `good ${k}`, max_tokens: 3, stream: k % 2 === 0 }),
      });
      const text = await answer.text();
      expect(answer.status).toBe(200);
      if (k % 2 === 0) expect(text).toContain('[DONE]');
    });
    const bad = Array.from({ length: 40 }, (_, k) =>
      k % 2 === 0
        ? raw('POST /v1/completions HTTP/1.1\r\nhost: x\r\n\r\nnonsense')
        : leaving('{"prompt": "x", "max_tokens": 900}'),
    );
    await Promise.all([...good, ...bad]);
    await works();
  });
});

/** What the gateway answers to these bytes, until it closes the connection. */
function raw(text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = dial(Number(new URL(gateway.url).port), '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk) => {
      answer += String(chunk);
      // A whole answer on a connection that stays open.
      if (/connection: keep-alive/i.test(answer)) socket.end();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', (error) => (answer === '' ? reject(error) : resolve(answer)));
    socket.setTimeout(15_000, () => socket.destroy(new Error(`no end after ${JSON.stringify(answer)}`)));
  });
}

/** Sends a head, then a byte each 100 ms. */
function slow(head: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = dial(Number(new URL(gateway.url).port), '127.0.0.1', () => socket.write(head));
    const timer = setInterval(() => socket.write(' '), 100);
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(timer);
      resolve(answer);
    });
  });
}

/** Sends a request and goes away at once. */
function leaving(body: string): Promise<void> {
  return new Promise((resolve) => {
    const head = `POST /v1/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
    const socket = dial(Number(new URL(gateway.url).port), '127.0.0.1', () => {
      socket.write(head + body);
      setTimeout(() => socket.destroy(), 5);
    });
    socket.on('close', () => resolve());
    socket.on('error', () => {});
  });
}
