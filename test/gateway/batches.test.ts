import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import OpenAI, { toFile } from 'openai';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { createKey, type KeyFields } from '../../src/tenants/key-store.js';
import { beat, HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway } from './support.js';

const config = gatewayConfig(({ gateway, queues }) => {
  gateway.auth = 'keys';
  // Shorter locks would be lost in a busy machine's pauses, and what is counted here run twice.
  queues.lockSeconds = 6;
});
const keys = new Keys(config.namespace);
let server: TestRedis;
let redis: Redis;
let first: Gateway;
let second: Gateway;
let acme: OpenAI;
let rival: OpenAI;
let worker: TestWorker;
const engine = new HandEngine(100);
/** A batch of five lines. */
let five = '';

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  await beat(redis, keys, 'low', 'ready');
  first = await openGateway(server.url, config);
  second = await openGateway(server.url, config);
  worker = await startPoolWorker(server.url, config, 'low', engine, 'w');
  ({ client: acme } = await clientOf('acme', second.url));
  ({ client: rival } = await clientOf('rival', second.url));
});
afterAll(async () => {
  await worker.stop();
  await first.close();
  redis.disconnect();
  await server.stop();
});

async function clientOf(tenant: string, gateway: string, limits: Partial<KeyFields> = {}) {
  const free: KeyFields = {
    tenant,
    name: '',
    operator: false,
    maxLevel: null,
    beyond: 'refuse',
    requestsPerMinute: null,
    tokensPerMinute: null,
    concurrent: null,
    budget: null,
  };
  const { key, text } = await createKey(redis, keys, { ...free, ...limits }, Date.now());
  return { key, client: new OpenAI({ baseURL: `${gateway}/v1`, apiKey: text, maxRetries: 0 }) };
}

const url = '/v1/chat/completions';
const line = (name: string, body: object = {}) =>
  JSON.stringify({
    custom_id: name,
    method: 'POST',
    url,
    body: { messages: [{ role: 'user', content: `about ${name}` }], max_tokens: 3, ...body },
  });

async function make(lines: string[], window = '24h', client = acme): Promise<OpenAI.Batch> {
  const file = await client.files.create({
    file: await toFile(Buffer.from(lines.join('\n')), 'in.jsonl'),
    purpose: 'batch',
  });
  return client.batches.create({ input_file_id: file.id, endpoint: url, completion_window: window as '24h' });
}

async function ended(id: string, client = acme): Promise<OpenAI.Batch> {
  const over = ['completed', 'failed', 'expired', 'cancelled'];
  await until(async () => over.includes((await client.batches.retrieve(id)).status), 'its end');
  return client.batches.retrieve(id);
}

const linesOf = async (id: string | undefined, client = acme) =>
  (await (await client.files.content(id!)).text())
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text));

/** Lets what comes to the engine run to its end. */
function answering(): () => void {
  const timer = setInterval(() => {
    for (const { id } of engine.seen) engine.allow(id, 1000);
  }, 5);
  return () => clearInterval(timer);
}

it('runs a file of requests by the official client, at `low` and due by the end of the window', async () => {
  const made = await make([line('a'), line('b', { slo_level: 'high' })], '4h');
  expect(made).toMatchObject({ object: 'batch', endpoint: url, completion_window: '4h' });
  expect(made.expires_at! - made.created_at).toBe(4 * 3600);
  await until(() => engine.seen.length === 2, 'they run');
  const job = JSON.parse((await redis.hget(`${keys.poolPrefix('low')}:low.decode:${made.id}-0`, 'data'))!);
  expect(Math.abs(job.deadlineMs - made.expires_at! * 1000)).toBeLessThan(2_000);
  expect(job.expiresAtMs).toBe(job.deadlineMs);
  const stop = answering();
  const batch = await ended(made.id);
  stop();
  expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 2, completed: 2, failed: 0 } });
  expect(batch.error_file_id ?? null).toBeNull();
  expect(await linesOf(batch.output_file_id)).toMatchObject([
    {
      custom_id: 'a',
      error: null,
      response: { status_code: 200, body: { object: 'chat.completion', slo_level: 'low' } },
    },
    { custom_id: 'b', error: null, response: { status_code: 200, body: { slo_level: 'low' } } },
  ]);
});

it('fails a batch with a file of a wrong format, and says where', async () => {
  const moved = JSON.stringify({ ...JSON.parse(line('c')), url: '/v1/embeddings' });
  const batch = await ended((await make([line('a'), 'nonsense', line('a'), moved, `{}\r${line('d')}`])).id);
  expect(batch.status).toBe('failed');
  expect(batch.errors!.data!.map(({ line: at }) => at)).toEqual([2, 3, 4, 5]);
  const messages = batch.errors!.data!.map(({ message }) => message);
  expect(messages[0]).toContain('expected JSON');
  expect(messages[3]).toContain('a lone \\r');
});

it('fails only its own line where a body is wrong, with the 400 that it has over HTTP, whatever finds it', async () => {
  const deep = `${'['.repeat(6000)}${']'.repeat(6000)}`;
  const raw = (name: string, field: string) =>
    line(name).replace('"max_tokens":3', `"max_tokens":3,${field}`);
  const wrong: [string, string, string | null][] = [
    [line('two', { n: 2 }), 'n: expected 1', 'n'],
    [line('negative', { max_tokens: -1 }), 'max_tokens', 'max_tokens'],
    [line('long', { max_tokens: 900_000 }), 'max_tokens', 'max_tokens'],
    [line('stream', { stream: true }), 'does not stream', 'stream'],
    [raw('deep', `"tools":${deep}`), 'levels of nesting', 'tools'],
    [raw('poison', '"tools":[{"__proto__":{"x":1}}]'), 'no key __proto__', 'tools'],
    [raw('huge', '"top_k":1e999'), 'below 1.8e308', 'top_k'],
  ];
  const made = await make([line('right'), ...wrong.map(([text]) => text), line('gone', { model: 'gpt-9' })]);
  const stop = answering();
  const batch = await ended(made.id);
  stop();
  expect(batch).toMatchObject({ status: 'completed', request_counts: { total: 9, completed: 1, failed: 8 } });
  expect(await linesOf(batch.output_file_id)).toMatchObject([{ custom_id: 'right' }]);
  const failed = await linesOf(batch.error_file_id);
  expect(failed.at(-1)).toMatchObject({ custom_id: 'gone', response: { status_code: 404 } });
  for (const [k, [, message, param]] of wrong.entries()) {
    expect(failed[k]).toMatchObject({
      error: null,
      response: { status_code: 400, body: { error: { message: expect.stringContaining(message), param } } },
    });
  }
});

it('goes on at another gateway, sends nothing twice, and keeps each result', async () => {
  engine.seen.length = 0;
  await first.close();
  const made = await make(Array.from({ length: 5 }, (_, k) => line(`n${k}`)));
  five = made.id;
  await until(() => engine.seen.length === 5, 'they run');
  engine.allow(`${made.id}-0`, 3);
  first = await openGateway(server.url, config);
  await second.close();
  acme.baseURL = `${first.url}/v1`;
  const stop = answering();
  const batch = await ended(made.id);
  stop();
  expect(batch.request_counts).toEqual({ total: 5, completed: 5, failed: 0 });
  const lines = await linesOf(batch.output_file_id);
  expect(lines.map(({ custom_id }) => custom_id)).toEqual(['n0', 'n1', 'n2', 'n3', 'n4']);
  expect(engine.seen.map(({ id }) => id).sort()).toEqual(
    Array.from({ length: 5 }, (_, k) => `${made.id}-${k}`),
  );
});

it('ends as expired with its window, and says so of each line that was not answered', async () => {
  const before = JSON.parse((await redis.get(keys.tenants('batch', five)))!);
  const past = { ...before, id: `${before.id}-x`, status: 'validating', expiresAt: before.createdAt - 1 };
  await redis.set(keys.tenants('batch', past.id), JSON.stringify(past));
  const queue = new Queue(keys.batchesQueue, { connection: redis, prefix: keys.tenants() });
  await queue.add('batch', { batch: past.id });
  await queue.close();
  const batch = await ended(past.id);
  expect(batch).toMatchObject({ status: 'expired', request_counts: { total: 5, completed: 0, failed: 5 } });
  expect((await linesOf(batch.error_file_id!))[0]).toMatchObject({
    custom_id: 'n0',
    response: null,
    error: { code: 'batch_expired' },
  });
});

it('cancels what waits and runs, and keeps what was done', async () => {
  engine.seen.length = 0;
  const made = await make([line('done'), line('cut')]);
  await until(() => engine.seen.length === 2, 'they run');
  engine.allow(`${made.id}-0`, 3);
  await until(
    async () => (await acme.batches.retrieve(made.id)).request_counts!.completed === 1,
    'one is done',
  );
  const cancelling = await acme.batches.cancel(made.id);
  const shown = { status: 'cancelling', cancelling_at: cancelling.cancelling_at };
  expect(cancelling).toMatchObject({ ...shown, cancelling_at: expect.any(Number) });
  expect(await acme.batches.retrieve(made.id)).toMatchObject(shown);
  const batch = await ended(made.id);
  expect(batch).toMatchObject({ status: 'cancelled', request_counts: { total: 2, completed: 1 } });
  expect(batch.cancelling_at).toBe(cancelling.cancelling_at);
  expect(engine.aborted).toContain(`${made.id}-1`);
  expect(await linesOf(batch.output_file_id)).toMatchObject([{ custom_id: 'done' }]);
});

/** Two lines run, the gateway goes, the first line ends; what `meanwhile` does to the batch the next gateway finds. */
async function takenOver(meanwhile: (id: string) => Promise<unknown>): Promise<string> {
  engine.seen.length = 0;
  const { id } = await make([line('done'), line('runs')]);
  await until(() => engine.seen.length === 2, 'they run');
  await first.close();
  engine.allow(`${id}-0`, 3);
  const job = `${keys.poolPrefix('low')}:low.decode:${id}-0`;
  await until(async () => (await redis.hexists(job, 'finishedOn')) === 1, 'the first ends');
  await meanwhile(id);
  first = await openGateway(server.url, config);
  acme.baseURL = `${first.url}/v1`;
  return id;
}

it('cancels what a gateway that is gone has sent, and keeps what was done', async () => {
  const id = await takenOver((made) => redis.set(keys.tenants('batch', made, 'cancel'), 1_800_000_000));
  const batch = await ended(id);
  expect(batch).toMatchObject({ status: 'cancelled', request_counts: { total: 2, completed: 1, failed: 0 } });
  expect(batch.cancelling_at).toBe(1_800_000_000);
  expect(engine.aborted).toContain(`${id}-1`);
  expect(await linesOf(batch.output_file_id)).toMatchObject([{ custom_id: 'done' }]);
});

it('keeps what a gateway that is gone has sent where the window is over at its succession', async () => {
  const id = await takenOver(async (made) => {
    const key = keys.tenants('batch', made);
    const kept = JSON.parse((await redis.get(key))!);
    await redis.set(key, JSON.stringify({ ...kept, expiresAt: Math.floor(Date.now() / 1000) - 1 }));
  });
  await until(async () => (await acme.batches.retrieve(id)).request_counts!.completed === 1, 'one is kept');
  engine.allow(`${id}-1`, 3);
  const batch = await ended(id);
  expect(batch).toMatchObject({ status: 'expired', request_counts: { total: 2, completed: 2, failed: 0 } });
});

it('fails a line at once that can never fit the tokens a minute of its key', async () => {
  const { client } = await clientOf('narrow', first.url, { tokensPerMinute: 200 });
  const made = await make([line('fits'), line('never', { max_tokens: 600 })], '24h', client);
  const stop = answering();
  const batch = await ended(made.id, client);
  stop();
  expect(batch).toMatchObject({ status: 'completed', request_counts: { completed: 1, failed: 1 } });
  expect(await linesOf(batch.error_file_id, client)).toMatchObject([
    { custom_id: 'never', response: { status_code: 429, body: { error: { code: 'rate_limited' } } } },
  ]);
});

it('waits for the next period of a spent budget, and fails at once where there is none', async () => {
  const periodSeconds = 3;
  const poor = await clientOf('poor', first.url, { budget: { gpuSeconds: 1, periodSeconds } });
  const never = await clientOf('never', first.url, { budget: { gpuSeconds: 1, periodSeconds: null } });
  const spend = (id: string, period: number) => redis.hset(keys.tenants('spent', id), { period, used: '2' });
  await spend(never.key.id, 0);
  await new Promise((resolve) =>
    setTimeout(resolve, periodSeconds * 1000 - (Date.now() % (periodSeconds * 1000))),
  );
  await spend(poor.key.id, Math.floor(Date.now() / 1000 / periodSeconds));
  const made = await make([line('waits')], '24h', poor.client);
  const lost = await make([line('fails')], '24h', never.client);
  const stop = answering();
  const [late, failed] = [await ended(made.id, poor.client), await ended(lost.id, never.client)];
  stop();
  expect(late.request_counts).toEqual({ total: 1, completed: 1, failed: 0 });
  expect(await linesOf(failed.error_file_id, never.client)).toMatchObject([
    { custom_id: 'fails', response: { status_code: 429, body: { error: { code: 'budget_spent' } } } },
  ]);
});

it("shows nothing of another tenant's, and lists and deletes one's own", async () => {
  const [newest] = (await acme.batches.list()).data;
  rival.baseURL = acme.baseURL;
  await expect(rival.batches.retrieve(newest!.id)).rejects.toMatchObject({ status: 404 });
  await expect(rival.batches.cancel(newest!.id)).rejects.toMatchObject({ status: 404 });
  await expect(rival.files.content(newest!.input_file_id)).rejects.toMatchObject({ status: 404 });
  expect((await rival.files.list()).data).toEqual([]);
  await acme.files.delete(newest!.input_file_id);
  await expect(acme.files.retrieve(newest!.input_file_id)).rejects.toMatchObject({ status: 404 });
});

it('refuses windows, endpoints and files that there are not', async () => {
  const wrong = {
    input_file_id: 'file-x',
    endpoint: url,
    completion_window: '2h',
  } as unknown as OpenAI.BatchCreateParams;
  await expect(acme.batches.create(wrong)).rejects.toMatchObject({ status: 400 });
  const missing = { ...wrong, completion_window: '24h' } as OpenAI.BatchCreateParams;
  await expect(acme.batches.create(missing)).rejects.toMatchObject({ status: 404 });
  const headers = {
    authorization: `Bearer ${acme.apiKey}`,
    'content-type': 'multipart/form-data; boundary=x',
  };
  const broken = await fetch(`${first.url}/v1/files`, { method: 'POST', headers, body: '--x nonsense' });
  expect(broken.status).toBe(400);
});

it('says that Redis is full where it takes no file, and takes the next one', async () => {
  const upload = async () =>
    acme.files.create({ file: await toFile(Buffer.from(line('late')), 'in.jsonl'), purpose: 'batch' });
  await redis.config('SET', 'maxmemory', '1');
  try {
    await expect(upload()).rejects.toMatchObject({ status: 503, code: 'redis_full' });
  } finally {
    await redis.config('SET', 'maxmemory', '0');
  }
  expect((await upload()).filename).toBe('in.jsonl');
});
