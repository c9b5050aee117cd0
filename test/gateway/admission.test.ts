import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { beat, HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

/** Requests that the engine of `high` runs at once. */
const SLOTS = 2;
const config = gatewayConfig(({ pools }) => {
  const { engine, admission } = pools.high!;
  if (engine.kind === 'sim') engine.maxSequences = SLOTS;
  admission.waitingRoom = 1;
});
const keys = new Keys(config.namespace);
let server: TestRedis;
let redis: Redis;
let gateway: Gateway;
const engine = new HandEngine(SLOTS);
const workers: TestWorker[] = [];

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  gateway = await openGateway(server.url, config);
  workers.push(await startPoolWorker(server.url, config, 'high', engine, 'w-high'));
  workers.push(await startPoolWorker(server.url, config, 'medium', new HandEngine(100, true), 'w-medium'));
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await gateway.close();
  redis.disconnect();
  await server.stop();
});

beforeEach(async () => {
  await beat(redis, keys, 'high', 'ready');
  await beat(redis, keys, 'medium', 'ready');
  await pause();
});

/** Until what was read of the queues is read anew. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 150));

const ask = (path: string, body: object = {}) =>
  post(`${gateway.url}${path}`, {
    prompt: `one ${Math.random()}`,
    max_tokens: 4,
    slo_level: 'high',
    ...body,
  });

/** Fills `high`: as many run as it takes, one waits. @returns lets them end. */
async function fill(): Promise<() => Promise<void>> {
  const ids: string[] = [];
  for (let k = 0; k <= SLOTS; k++) {
    const answer = await ask('/v1/requests');
    ids.push(((await answer.json()) as { id: string }).id);
  }
  await until(
    () => ids.slice(0, SLOTS).every((id) => engine.seen.some((seen) => seen.id === id)),
    'they run',
  );
  await pause();
  return async () => {
    for (const id of ids) engine.allow(id, 4);
    await until(
      async () => (await redis.llen(`${keys.poolPrefix('high')}:high.decode:active`)) === 0,
      'all end',
    );
    await until(
      async () => (await redis.zcard(`${keys.poolPrefix('high')}:high.decode:prioritized`)) === 0,
      'none',
    );
    await pause();
  };
}

it('refuses what would be late with 429 and the time to come again, and takes it when it comes then', async () => {
  const end = await fill();
  const body = { prompt: 'the same again', max_tokens: 4 };
  const refused = await ask('/v1/completions', body);
  expect(refused.status).toBe(429);
  const seconds = Number(refused.headers.get('retry-after'));
  expect(seconds).toBeGreaterThanOrEqual(1);
  const { error } = (await refused.json()) as { error: { message: string } };
  expect(error).toMatchObject({ code: 'overloaded', type: 'rate_limit_error' });
  // What was compared: the predicted quantile, and the target of `high` x its buffer.
  const { targets, performanceBuffer, latencyPercentile } = config.pools.high!;
  const bound = Math.round(targets.ttftSeconds * performanceBuffer * 1000);
  expect(error.message).toContain(`at p${latencyPercentile}, and is to come within ${bound} ms`);
  await end();
  const before = engine.seen.length;
  const again = ask('/v1/completions', body);
  await until(() => engine.seen.length > before, 'it runs');
  engine.allow(engine.seen.at(-1)!.id, 4);
  expect((await again).status).toBe(200);
});

it('serves it at a lower level where the client allows it, and says so', async () => {
  const end = await fill();
  const answer = await ask('/v1/completions', { relegate: true });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('x-slo-level')).toBe('medium');
  expect(answer.headers.get('x-slo-relegated-from')).toBe('high');
  expect(await answer.json()).toMatchObject({ slo_level: 'medium', service_tier: 'default' });
  await end();
});

it('refuses early what cannot start before its deadline, asynchronous requests too', async () => {
  await beat(redis, keys, 'high', 'starting');
  await pause();
  const refused = await ask('/v1/requests', { deadline_ms: 1000 });
  expect(refused.status).toBe(429);
  expect(await refused.json()).toMatchObject({ error: { message: expect.stringContaining('deadline_ms') } });
});

it('promises nothing to a deadline that is over before anything can be decided', async () => {
  // Redis is away for longer than the deadline while the request is judged.
  await redis.client('PAUSE', 50, 'ALL');
  const refused = await ask('/v1/requests', { deadline_ms: 1 });
  expect(refused.status).toBe(429);
  expect(refused.headers.get('retry-after')).toBeNull();
  expect(await refused.json()).toMatchObject({
    error: { param: 'deadline_ms', message: expect.stringContaining('it was over before') },
  });
});

it('tells in milliseconds by how little a deadline is missed', async () => {
  // Its start is overdue: it is expected in half a second.
  await beat(redis, keys, 'high', 'starting', 'vllm', 3_600_000);
  await pause();
  const refused = await ask('/v1/requests', { deadline_ms: 450 });
  expect(refused.status).toBe(429);
  const { error } = (await refused.json()) as { error: { message: string } };
  expect(error.message).toMatch(/would start in 500 ms, [1-9]\d* ms after it;/);
});

it('is a waiting room with its own limit while no worker is ready', async () => {
  const end = await fill();
  await beat(redis, keys, 'high', 'starting');
  await pause();
  // One waits already.
  expect((await ask('/v1/completions')).status).toBe(429);
  await end();
});
