import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/types.js';
import type { RoutedRequest } from '../../src/contract/request.js';
import { connect } from '../../src/queues/connection.js';
import { isRetired } from '../../src/queues/journal.js';
import { Keys } from '../../src/queues/keys.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { Following } from '../../src/scheduler/following.js';
import { GlobalScheduler } from '../../src/scheduler/global-scheduler.js';
import { PoolRouter } from '../../src/scheduler/pool-router.js';
import { totalsKey } from '../../src/telemetry/slots.js';
import { HandEngine, startPoolWorker, type TestWorker, testConfig, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const config: Config = testConfig(({ queues }) => {
  queues.keepSeconds = 60;
});
const keys = new Keys(config.namespace);
const scheduler = new GlobalScheduler(config);
let server: TestRedis;
let redis: Redis;
let router: PoolRouter;
let engine: HandEngine;
let worker: TestWorker;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
});
beforeEach(async () => {
  router = new PoolRouter(config.pools.high!, config, redis, keys);
  engine = new HandEngine(100);
  worker = await startPoolWorker(server.url, config, 'high', engine, 'w1');
});
afterEach(async () => {
  await worker.stop();
  await router.close();
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const request = (id: string, maxTokens = 3): RoutedRequest =>
  scheduler.route({ prompt: 'why', slo_level: 'high', max_tokens: maxTokens }, id, Date.now());
const dispatch = (routed: RoutedRequest) => router.dispatch(routed, Date.now());
const runs = (id: string) => engine.seen.filter((seen) => seen.id === id).length;

/** As if more had ended since than are kept. */
async function forget(id: string): Promise<void> {
  await until(() => isRetired(redis, keys, 'high', id), 'its journal ends');
  await (await router.queues.find(id))?.remove();
}

async function end(how: 'completed' | 'one token' | 'cancelled'): Promise<void> {
  await dispatch(request('r', how === 'one token' ? 1 : 3));
  await until(() => runs('r') === 1, 'it runs');
  if (how === 'cancelled') await router.cancel('r');
  else engine.allow('r', 3);
  await until(async () => (await router.queues.find('r'))?.finishedOn !== undefined, 'it ends');
}

describe('a request that has ended and whose job is no longer kept', () => {
  const noLongerKept = {
    kind: 'failed',
    code: 'not_found',
    message: expect.stringContaining('no longer kept'),
  };

  it.each(['completed', 'one token', 'cancelled'] as const)(
    '%s: does not run for a client that missed its end',
    async (how) => {
      await end(how);
      await forget('r');
      // It listens to no channel.
      const following = new Following(
        redis,
        redis,
        keys,
        () => router,
        () => undefined,
      );
      const pending = following.begin(request('r'));
      await following.lookUp(pending);
      expect(await Promise.race([pending.done, until(() => runs('r') > 1, 'a second run')])).toMatchObject(
        noLongerKept,
      );
      expect(runs('r')).toBe(1);
    },
  );

  it('does not run for a client that sends its id again', async () => {
    const client = await SluiceClient.open(config, server.url);
    engine.allow('r', 3);
    const sent = { id: 'r', prompt: 'why', slo_level: 'high', max_tokens: 3 };
    await (await client.submit(sent)).done;
    await forget('r');
    expect(await (await client.submit(sent)).done).toMatchObject(noLongerKept);
    expect(runs('r')).toBe(1);
    await client.close();
  });
});

it('two runs of one id are not taken for each other, even by one worker', async () => {
  await dispatch(request('r'));
  engine.allow('r', 1);
  await until(async () => (await redis.llen(keys.journal('high', 'r'))) === 3, 'its first token');
  // Redis came back without the job.
  await redis.del(router.queues.decode.toKey('r'));
  await redis.lrem(router.queues.decode.toKey('active'), 0, 'r');
  await new Promise((resolve) => setTimeout(resolve, 2));
  await dispatch(request('r'));
  await until(() => runs('r') === 2, 'the second run');
  engine.allow('r', 3);
  await until(async () => (await router.lookup('r')).state === 'ended', 'it ends');
  expect(await router.lookup('r')).toMatchObject({ outcome: { result: { text: 'r:0 r:1 r:2 ' } } });
  // What it sent at first was refused; then it took the journal over.
  expect(engine.seen.map(({ emitted }) => emitted)).toEqual([[], [], ['r:0 ']]);
});

describe('the journal of a request that has ended', () => {
  it.each(['completed', 'one token', 'cancelled'] as const)(
    '%s: lives as long as its job may be kept',
    async (how) => {
      await end(how);
      await until(() => isRetired(redis, keys, 'high', 'r'), 'its journal ends');
      expect(await redis.pttl(keys.journal('high', 'r'))).toBeLessThanOrEqual(60_000);
    },
  );
});

it('a request that is sent again by those who take it over is one arrival', async () => {
  for (let k = 0; k < 3; k++) {
    const client = await SluiceClient.open(config, server.url);
    await client.submit({ id: 'r', prompt: 'why', slo_level: 'high', max_tokens: 3 });
    await client.close();
  }
  expect(await redis.hget(totalsKey(keys, 'high'), 'routed')).toBe('1');
});
