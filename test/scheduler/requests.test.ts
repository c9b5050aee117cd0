import { Queue } from 'bullmq';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/contract/errors.js';
import type { Submission } from '../../src/contract/request.js';
import type { EngineRequest, TokenBatch } from '../../src/engines/engine.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { beat, HandEngine, startPoolWorker, type TestWorker, testConfig, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const config = testConfig();
let redis: TestRedis;
let client: SluiceClient;
const open: { stop(): Promise<void> }[] = [];

beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  client = await SluiceClient.open(config, redis.url);
});
afterEach(async () => {
  for (const worker of open.splice(0)) await worker.stop();
  await client.close();
  const plain = connect(redis.url, 'plain');
  await plain.flushall();
  plain.disconnect();
});

async function worker(engine: HandEngine, id = 'w1', role: 'vllm' | 'prefill' = 'vllm'): Promise<TestWorker> {
  const started = await startPoolWorker(redis.url, config, 'high', engine, id, role);
  open.push(started);
  return started;
}

async function anotherClient(): Promise<SluiceClient> {
  const other = await SluiceClient.open(config, redis.url);
  open.push({ stop: () => other.close() });
  return other;
}

/** Submits and collects the tokens as they come. */
async function ask(submission: Partial<Submission>, from: SluiceClient = client) {
  const indices: number[] = [];
  const tokens: string[] = [];
  const handle = await from.submit(
    { prompt: 'hello world', slo_level: 'high', max_tokens: 3, ...submission },
    {
      onTokens: (frame) => {
        frame.tokens.forEach((token, k) => {
          indices.push(frame.index + k);
          tokens.push(token);
        });
      },
    },
  );
  return { ...handle, indices, tokens };
}

const expected = (id: string, tokens: number) => Array.from({ length: tokens }, (_, k) => `${id}:${k} `);

describe('requests through the queues', () => {
  it('completes with the text, and streams each token once in order', async () => {
    const engine = new HandEngine(100, true);
    await worker(engine);
    const request = await ask({ id: 'a', max_tokens: 20 });
    const outcome = await request.done;
    expect(outcome).toMatchObject({
      kind: 'completed',
      result: { text: expected('a', 20).join(''), finishReason: 'length', usage: { completionTokens: 20 } },
    });
    expect(request.tokens).toEqual(expected('a', 20));
    expect(request.indices).toEqual([...Array(20).keys()]);
    expect(client.counts().pools.high).toEqual({ routed: 1, failed: 0, active: 0 });
  });

  it('gives what runs back when its worker closes, which does not take it again', async () => {
    const engine = new HandEngine(100);
    const closing = await startPoolWorker(redis.url, config, 'high', engine, 'w1');
    const request = await ask({ id: 'back' });
    await until(() => engine.seen.length === 1, 'it runs');
    await closing.stop();
    expect(engine.seen).toHaveLength(1);
    await worker(new HandEngine(100, true), 'w2');
    expect(await request.done).toMatchObject({ kind: 'completed', result: { workerId: 'w2' } });
  });

  it('serves the earliest deadline first, in order of arrival where deadlines are the same', async () => {
    const engine = new HandEngine(1);
    await worker(engine);
    const blocker = await ask({ id: 'blocker', max_tokens: 1 });
    await until(() => engine.seen.length === 1, 'the blocker runs');
    // Due after their target of 300 ms, but for the one that asks for less.
    const patient = await ask({ id: 'patient', max_tokens: 1 });
    const second = await ask({ id: 'second', max_tokens: 1 });
    const urgent = await ask({ id: 'urgent', max_tokens: 1, deadline_ms: 30_000 });
    const low = await ask({ id: 'own', max_tokens: 1, slo_level: 'low' });
    expect(urgent.deadlineMs - urgent.acceptedAtMs).toBe(300);
    expect(low.deadlineMs - low.acceptedAtMs).toBe(5000);
    const dated = await client.submit({
      id: 'dated',
      prompt: 'x',
      slo_level: 'high',
      max_tokens: 1,
      deadline_ms: 200,
    });
    const asked = [patient, second, urgent, dated];
    for (const { id } of [blocker, ...asked]) engine.allow(id, 1);
    const completed = new Set<string>();
    for (const { id, done } of asked) if ((await done).kind === 'completed') completed.add(id);
    // On a slow machine the dated one may have expired meanwhile; it then never reaches the engine.
    const tick = ({ deadlineMs }: { deadlineMs: number }) =>
      Math.floor(deadlineMs / config.queues.deadlineResolutionMs);
    const due = asked.filter(({ id }) => completed.has(id)).sort((a, b) => tick(a) - tick(b));
    const order = engine.seen.map(({ id }) => id).slice(1);
    expect(order).toEqual(due.map(({ id }) => id));
    expect(order.length).toBeGreaterThanOrEqual(3);
  });

  it('executes one id once and gives both clients, at two levels, the same answer and every token', async () => {
    const engine = new HandEngine();
    await worker(engine);
    const first = await ask({ id: 'twice', max_tokens: 4 });
    engine.allow('twice', 2);
    await until(() => first.tokens.length === 2, 'two tokens came');
    const second = await ask({ id: 'twice', max_tokens: 4, slo_level: 'low' }, await anotherClient());
    expect(second.pool).toBe('high');
    engine.allow('twice', 4);
    const outcomes = await Promise.all([first.done, second.done]);
    expect(outcomes[0]).toEqual(outcomes[1]);
    expect(second.tokens).toEqual(expected('twice', 4));
    expect(engine.seen).toHaveLength(1);
    const third = await ask({ id: 'twice' }, await anotherClient());
    expect(await third.done).toEqual(outcomes[0]);
    expect(third.tokens.join('')).toBe(expected('twice', 4).join(''));
    expect(engine.seen).toHaveLength(1);
  });

  it('cancels a queued request at once, and it never reaches an engine', async () => {
    const request = await ask({ id: 'queued' });
    const other = await anotherClient();
    expect(await other.cancel('queued')).toBe('cancelled');
    expect(await request.done).toMatchObject({ kind: 'cancelled' });
    const engine = new HandEngine(1, true);
    await worker(engine);
    await (await ask({ id: 'next' })).done;
    expect(engine.seen.map((seen) => seen.id)).toEqual(['next']);
    expect(await other.cancel('next')).toBe('ended');
    expect(await other.cancel('never-was')).toBe('not_found');
  });

  it('cancels a running request across connections; the engine stops and serves the next', async () => {
    const engine = new HandEngine(1);
    await worker(engine);
    const request = await ask({ id: 'running', max_tokens: 10 });
    engine.allow('running', 2);
    await until(() => request.tokens.length === 2, 'it runs');
    expect(await (await anotherClient()).cancel('running')).toBe('cancelled');
    expect(await request.done).toMatchObject({ kind: 'cancelled' });
    expect(engine.aborted).toEqual(['running']);
    engine.allow('after', 3);
    expect((await (await ask({ id: 'after' })).done).kind).toBe('completed');
    expect(client.counts().pools.high).toEqual({ routed: 2, failed: 1, active: 0 });
  });

  it('ends a request whose deadline passed in the queue as expired, without touching the engine', async () => {
    const late = await ask({ id: 'late', deadline_ms: 30 });
    const fine = await ask({ id: 'fine' });
    await new Promise((resolve) => setTimeout(resolve, 80));
    const engine = new HandEngine(5, true);
    await worker(engine);
    expect(await late.done).toMatchObject({
      kind: 'expired',
      message: expect.stringMatching(/deadline passed/),
    });
    expect((await fine.done).kind).toBe('completed');
    expect(engine.seen.map((seen) => seen.id)).toEqual(['fine']);
  });

  it('continues on another worker after the last emitted token', async () => {
    const [one, two] = [new HandEngine(), new HandEngine()];
    const first = await worker(one, 'w1');
    const request = await ask({ id: 'moved', max_tokens: 6 });
    one.allow('moved', 3);
    await until(() => request.tokens.length === 3, 'three tokens');
    await first.worker.drain();
    first.worker.requeueAll();
    await worker(two, 'w2');
    two.allow('moved', 6);
    expect(await request.done).toMatchObject({
      kind: 'completed',
      result: { text: expected('moved', 6).join('') },
    });
    expect(two.seen[0]?.emitted).toEqual(expected('moved', 3));
    expect(request.tokens).toEqual(expected('moved', 6));
    expect(request.indices).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('takes only what the engine has room for, and more as soon as room grows', async () => {
    const engine = new HandEngine(2);
    await worker(engine);
    const requests = await Promise.all(['a', 'b', 'c', 'd'].map((id) => ask({ id, max_tokens: 1 })));
    await until(() => engine.seen.length === 2, 'two run');
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(engine.seen).toHaveLength(2);
    engine.setSlots(3); // nothing ended
    await until(() => engine.seen.length === 3, 'the third is taken');
    for (const id of ['a', 'b', 'c', 'd']) engine.allow(id, 1);
    await Promise.all(requests.map((request) => request.done));
  });

  it('gives no place twice while requests that ran before are on their way to the engine', async () => {
    const before = await startPoolWorker(redis.url, config, 'high', new HandEngine(12), 'w1');
    const asked = await Promise.all(
      Array.from({ length: 12 }, (_, k) => ask({ id: `r${k}`, max_tokens: 1 })),
    );
    await until(() => before.worker.active === 12, 'all run');
    await before.stop();
    const engine = new HandEngine(2);
    const { worker: now } = await worker(engine, 'w2');
    let most = 0;
    const left = new Set(asked.map(({ id }) => id));
    for (const { id, done } of asked) done.then(() => left.delete(id));
    await until(() => {
      most = Math.max(most, now.active);
      const running = engine.seen.filter(({ id }) => left.has(id));
      if (running.length === 2 || running.length === left.size) engine.allow(running[0]?.id ?? '', 1);
      return left.size === 0;
    }, 'all have ended');
    // One whose end is on its way to Redis is held beside those that run.
    expect(most).toBeLessThanOrEqual(3);
  });

  it('runs long prompts as prefill, then decode, when a prefill worker is ready', async () => {
    const disaggregated = testConfig((changed) => {
      const high = changed.pools.high;
      if (high) high.disaggregation = { enabled: true, minPromptTokens: 5, prefillWorkers: 1 };
    });
    const keys = new Keys(config.namespace);
    const plain = connect(redis.url, 'plain');
    await beat(plain, keys, 'high', 'ready', 'prefill');
    plain.disconnect();
    const [prefill, decode] = [new HandEngine(5, true), new HandEngine(5, true)];
    await worker(prefill, 'p1', 'prefill');
    await worker(decode, 'd1');
    const splitting = await SluiceClient.open(disaggregated, redis.url);
    open.push({ stop: () => splitting.close() });
    const long = await ask({ id: 'long', prompt: 'one two three four five six', max_tokens: 4 }, splitting);
    const short = await ask({ id: 'short', prompt: 'one', max_tokens: 2 }, splitting);
    expect(await long.done).toMatchObject({
      kind: 'completed',
      result: { text: expected('long', 4).join('') },
    });
    await short.done;
    expect(prefill.seen.map(({ id, phase }) => [id, phase])).toEqual([['long', 'prefill']]);
    expect(decode.seen.map(({ id, phase }) => [id, phase]).sort()).toEqual([
      ['long', 'decode'],
      ['short', 'whole'],
    ]);
    expect(decode.seen.find(({ id }) => id === 'long')?.emitted).toEqual(['long:0 ']);
    expect(long.indices).toEqual([0, 1, 2, 3]);
  });

  it('completes what was sent whole and is sent again once a prefill worker is ready', async () => {
    const disaggregated = testConfig((changed) => {
      const high = changed.pools.high;
      if (high) high.disaggregation = { enabled: true, minPromptTokens: 5, prefillWorkers: 1 };
    });
    const engine = new HandEngine(5);
    await worker(engine);
    const long = { id: 'again', prompt: 'one two three four five six', max_tokens: 4 };
    const [before, after] = await Promise.all([0, 1].map(() => SluiceClient.open(disaggregated, redis.url)));
    for (const opened of [before, after]) open.push({ stop: async () => opened?.close() });
    const first = await ask(long, before);
    engine.allow('again', 2);
    await until(() => first.tokens.length === 2, 'it runs');
    const plain = connect(redis.url, 'plain');
    await beat(plain, new Keys(config.namespace), 'high', 'ready', 'prefill');
    plain.disconnect();
    const second = await ask(long, after);
    engine.allow('again', 4);
    for (const { done } of [first, second]) expect(await done).toMatchObject({ kind: 'completed' });
    expect(engine.seen).toHaveLength(1);
  });

  it('is found completed when an earlier attempt had failed', async () => {
    class OnceBroken extends HandEngine {
      override async *generate(request: EngineRequest, signal: AbortSignal): AsyncIterable<TokenBatch> {
        if (this.seen.length > 0) return yield* super.generate(request, signal);
        this.seen.push(request);
        throw new SluiceError('engine_failed', 'broken');
      }
    }
    await worker(new OnceBroken(5, true));
    expect(await (await ask({ id: 'retried' })).done).toMatchObject({ kind: 'completed' });
    expect(await client.find('retried')).toMatchObject({
      lookup: { state: 'ended', outcome: { kind: 'completed' } },
    });
  });

  it('fails a malformed job on a pool queue with a reason, and goes on', async () => {
    const engine = new HandEngine(5, true);
    await worker(engine);
    const queue = new Queue('high.decode', {
      connection: connect(redis.url, 'plain'),
      prefix: new Keys(config.namespace).poolPrefix('high'),
    });
    const job = await queue.add('request', { nonsense: true });
    await until(async () => (await queue.getJob(job.id ?? ''))?.failedReason !== undefined, 'it fails');
    const failed = await queue.getJob(job.id ?? '');
    expect(failed?.failedReason).toMatch(/^invalid_job: not a routed request: id: /);
    await queue.close();
    expect((await (await ask({ id: 'good' })).done).kind).toBe('completed');
  });

  it.each([
    [{ slo_level: 'ultra' }, 'unknown_level', /expected one of high, medium, low, got "ultra"/],
    [
      { slo_level: undefined, service_tier: 'gold' },
      'unknown_level',
      /service_tier: expected auto, scale, priority/,
    ],
    [{ service_tier: 'flex' }, 'invalid_request', /contradict/],
    [{ max_tokens: -1 }, 'invalid_request', /max_tokens/],
    [{ max_tokens: 10 ** 9 }, 'invalid_request', /max_tokens/],
    [{ prompt: '' }, 'invalid_request', /prompt/],
    [{ prompt: 'word '.repeat(140_000) }, 'prompt_too_long', /at most 131072 tokens/],
    [{ model: 'gpt-9' }, 'unknown_model', /expected one of llama-3.1-8b, got "gpt-9"/],
    [{ id: '17' }, 'invalid_request', /not a plain number/],
  ])('refuses %o with a clear error', async (wrong, code, message) => {
    const asked = { prompt: 'x', slo_level: 'high', ...wrong };
    const submission = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined));
    await expect(client.submit({ prompt: 'x', ...submission })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });

  it('maps service tiers to levels, and no level to the default', async () => {
    expect((await ask({ slo_level: undefined, service_tier: 'priority' } as Submission)).pool).toBe('high');
    expect((await client.submit({ prompt: 'x', service_tier: 'flex' })).pool).toBe('low');
    expect((await client.submit({ prompt: 'x' })).pool).toBe('medium');
  });
});
