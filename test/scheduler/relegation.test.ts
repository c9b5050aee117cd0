import { Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { RoutedRequest, Submission } from '../../src/contract/request.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { PoolRouter } from '../../src/scheduler/pool-router.js';
import { totalsKey } from '../../src/telemetry/slots.js';
import { eventsOf, gatewayConfig, openGateway, post } from '../gateway/support.js';
import { beat, HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

/** Its first token takes a minute longer than any target. */
class LateEngine extends HandEngine {
  firstTokenAfterMs(): number {
    return 60_000;
  }
}

const config = gatewayConfig(({ pools }) => {
  const { high } = pools;
  if (high === undefined) throw new Error('the preset changed');
  high.overload.policy = 'relegate';
  high.admission.policy = 'queue';
  high.queueTimeoutSeconds = 30;
});
const keys = new Keys(config.namespace);
let server: TestRedis;
let redis: Redis;
let client: SluiceClient;
const open: { stop(): Promise<void> }[] = [];
let workers: TestWorker[] = [];

beforeEach(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  client = await SluiceClient.open(config, server.url);
});
afterEach(async () => {
  workers = [];
  for (const one of open.splice(0)) await one.stop();
  await client.close();
  redis.disconnect();
  await server.stop();
});

async function worker(pool: string, engine: HandEngine, role: 'vllm' | 'prefill' = 'vllm') {
  const started = await startPoolWorker(server.url, config, pool, engine, `${pool}-${role}`, role);
  workers.push(started);
  open.push(started);
  return engine;
}

async function ask(submission: Partial<Submission> = {}) {
  const tokens: string[] = [];
  const handle = await client.submit(
    { prompt: 'hello world', slo_level: 'high', max_tokens: 3, ...submission },
    { onTokens: (frame) => tokens.push(...frame.tokens) },
  );
  return { handle, tokens };
}

const text = (id: string, tokens = 3) => Array.from({ length: tokens }, (_, k) => `${id}:${k} `);
const state = (pool: string, id: string) =>
  redis.hgetall(`${keys.poolPrefix(pool)}:${keys.decodeQueue(pool)}:${id}`);
const routed = async (pool: string, id: string): Promise<RoutedRequest> =>
  JSON.parse((await state(pool, id)).data ?? 'null');

it('sends a request that would begin too late to the next level, where it is served once', async () => {
  const high = await worker('high', new LateEngine());
  const medium = await worker('medium', new HandEngine());
  const { handle, tokens } = await ask({ id: 'a' });
  await until(() => handle.level === 'medium', 'the client hears of it');
  expect(handle).toMatchObject({ pool: 'medium', relegatedFrom: 'high' });
  medium.allow('a', 3);
  const outcome = await handle.done;
  expect(outcome).toMatchObject({
    kind: 'completed',
    result: { level: 'medium', pool: 'medium', relegatedFrom: 'high', text: text('a').join('') },
  });
  expect(tokens).toEqual(text('a'));
  expect(high.seen).toEqual([]);
  expect(medium.seen).toHaveLength(1);
  expect(client.counts().pools).toMatchObject({
    high: { routed: 1, failed: 0, active: 0 },
    medium: { routed: 0 },
  });
  // Due and expiring by the lower pool's terms.
  const { acceptedAtMs, deadlineMs, expiresAtMs } = await routed('medium', 'a');
  const { targets, queueTimeoutSeconds } = config.pools.medium!;
  expect(deadlineMs).toBe(acceptedAtMs + targets.ttftSeconds * 1000);
  expect(expiresAtMs).toBe(
    queueTimeoutSeconds === null ? undefined : acceptedAtMs + queueTimeoutSeconds * 1000,
  );
});

it('keeps a deadline that the request brought itself', async () => {
  await worker('high', new LateEngine());
  const medium = await worker('medium', new HandEngine(100, true));
  // 30 s are the pool's own terms, too.
  for (const [k, deadline] of [30_000, 45_000].entries()) {
    const { handle } = await ask({ id: `own${k}`, deadline_ms: deadline });
    expect(await handle.done).toMatchObject({ kind: 'completed' });
    const { acceptedAtMs, expiresAtMs } = await routed('medium', `own${k}`);
    expect(expiresAtMs).toBe(acceptedAtMs + deadline);
  }
  expect(medium.seen).toHaveLength(2);
});

it('tells of both pools: one sent it on, the other was asked', async () => {
  await worker('high', new LateEngine());
  await worker('medium', new HandEngine(100, true));
  await (await ask()).handle.done;
  for (const { recorder } of workers) await recorder.flush();
  expect(await redis.hgetall(totalsKey(keys, 'high'))).toMatchObject({ relegated: '1' });
  expect(await redis.hgetall(totalsKey(keys, 'medium'))).toMatchObject({ routed: '1', completed: '1' });
});

it('leaves its turn in the one fair order and takes one in the other', async () => {
  await worker('high', new LateEngine());
  await worker('medium', new HandEngine(100, true));
  const keyed = { ...config, gateway: { ...config.gateway, auth: 'keys' as const } };
  const other = await SluiceClient.open(keyed, server.url);
  open.push({ stop: () => other.close() });
  const handle = await other.submit({ prompt: 'hello world', slo_level: 'high', max_tokens: 3 });
  expect(await handle.done).toMatchObject({ kind: 'completed' });
  const [high, medium] = [await routed('high', handle.id), await routed('medium', handle.id)];
  expect(high.share?.cost).toBeGreaterThan(0);
  expect(medium.share?.cost).toBeGreaterThan(0);
  expect(medium.share).not.toEqual(high.share);
});

it('is found, followed and cancelled where it went, by whoever does not know', async () => {
  await worker('high', new LateEngine());
  const medium = await worker('medium', new HandEngine());
  const { handle } = await ask();
  await until(() => medium.seen.length === 1, 'it runs');
  const other = await SluiceClient.open(config, server.url);
  open.push({ stop: () => other.close() });
  expect(await other.find(handle.id)).toMatchObject({ request: { pool: 'medium', relegatedFrom: 'high' } });
  const followed = await other.follow(handle.id);
  medium.allow(handle.id, 1);
  await until(() => (followed?.tokens.length ?? 0) === 1, 'the other hears its token', 10_000);
  expect(await other.cancel(handle.id)).toBe('cancelled');
  expect(await handle.done).toMatchObject({ kind: 'cancelled' });
  expect(medium.aborted).toEqual([handle.id]);
});

it('is one request when the same id comes again', async () => {
  await worker('high', new LateEngine());
  const medium = await worker('medium', new HandEngine());
  const { handle } = await ask({ id: 'twice' });
  await until(() => medium.seen.length === 1, 'it runs');
  const other = await SluiceClient.open(config, server.url);
  open.push({ stop: () => other.close() });
  const again = await other.submit({ id: 'twice', prompt: 'hello world', slo_level: 'high', max_tokens: 3 });
  medium.allow('twice', 3);
  expect(await again.done).toEqual(await handle.done);
  expect(medium.seen).toHaveLength(1);
});

it.each([30, 1])(
  'goes on with a move whose worker died in between, here due within %d s',
  async (seconds) => {
    config.pools.high!.queueTimeoutSeconds = seconds;
    const { handle } = await ask();
    // A worker takes it, writes down where it goes, and is gone.
    const connection = connect(server.url, 'worker');
    const dying = new Worker(keys.decodeQueue('high'), undefined, {
      connection,
      prefix: keys.poolPrefix('high'),
      lockDuration: 1500,
      autorun: false,
    });
    const job = await dying.getNextJob('dying');
    expect(job?.id).toBe(handle.id);
    const router = new PoolRouter(config.pools.high!, config, redis, keys);
    await router.recordMove(job!.data, 'medium');
    await router.close();
    await dying.close(true);
    connection.disconnect();
    const high = await worker('high', new HandEngine(100, true));
    const medium = await worker('medium', new HandEngine(100, true));
    expect(await handle.done).toMatchObject({ kind: 'completed', result: { level: 'medium' } });
    expect([high.seen.length, medium.seen.length]).toEqual([0, 1]);
    config.pools.high!.queueTimeoutSeconds = 30;
  },
);

it('sends a prefill half that would be late on with its request', async () => {
  const disaggregated = config.pools.high!;
  disaggregated.disaggregation = { ...disaggregated.disaggregation, enabled: true, minPromptTokens: 1 };
  try {
    const prefill = await worker('high', new LateEngine(), 'prefill');
    const decode = await worker('high', new HandEngine());
    const medium = await worker('medium', new HandEngine(100, true));
    await beat(redis, keys, 'high', 'ready', 'prefill');
    const { handle } = await ask();
    expect(await handle.done).toMatchObject({ kind: 'completed', result: { level: 'medium' } });
    expect([prefill.seen, decode.seen, medium.seen].map(({ length }) => length)).toEqual([0, 0, 1]);
  } finally {
    disaggregated.disaggregation = { ...disaggregated.disaggregation, enabled: false };
  }
});

it('is told by the HTTP answer, streamed or whole', async () => {
  await worker('high', new LateEngine());
  await worker('medium', new HandEngine(100, true));
  const gateway = await openGateway(server.url, config);
  open.push({ stop: () => gateway.close() });
  const body = { prompt: 'hello', max_tokens: 3, slo_level: 'high' };
  const whole = await post(`${gateway.url}/v1/completions`, body);
  expect(whole.headers.get('x-slo-level')).toBe('medium');
  expect(whole.headers.get('x-slo-relegated-from')).toBe('high');
  expect(await whole.json()).toMatchObject({ slo_level: 'medium' });
  const streamed = await post(`${gateway.url}/v1/completions`, { ...body, stream: true });
  expect(streamed.headers.get('x-slo-relegated-from')).toBe('high');
  const levels = new Set<string>();
  for await (const { data } of eventsOf(streamed))
    if (data !== '[DONE]') levels.add((JSON.parse(data) as { slo_level: string }).slo_level);
  expect([...levels]).toEqual(['medium']);
});
