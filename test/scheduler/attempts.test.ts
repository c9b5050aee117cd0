import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SluiceError } from '../../src/contract/errors.js';
import type { EngineRequest, TokenBatch } from '../../src/engines/engine.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { GlobalScheduler } from '../../src/scheduler/global-scheduler.js';
import { PoolRouter } from '../../src/scheduler/pool-router.js';
import { HandEngine, startPoolWorker, type TestWorker, testConfig, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const config = testConfig();
const keys = new Keys(config.namespace);
/** A lock that is not renewed has run out by then, and its job has come back. */
const LOCKS_MS = 2.5 * config.queues.lockSeconds * 1000;

/** Fails its first `fails` requests, or holds one that hears of no abort until it is let go. */
class BadEngine extends HandEngine {
  fails = 0;
  deaf: Promise<unknown> | undefined;

  override async *generate(request: EngineRequest, signal: AbortSignal): AsyncIterable<TokenBatch> {
    if (this.fails > 0) {
      this.fails--;
      this.seen.push(request);
      await sleep(20);
      throw new SluiceError('engine_failed', 'no token in time');
    }
    if (this.deaf !== undefined) {
      this.seen.push(request);
      await this.deaf;
      throw new SluiceError('engine_failed', 'too late');
    }
    yield* super.generate(request, signal);
  }
}

let server: TestRedis;
let redis: Redis;
let router: PoolRouter;
let engine: BadEngine;
let worker: TestWorker;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
});
beforeEach(async () => {
  router = new PoolRouter(config.pools.high!, config, redis, keys);
  engine = new BadEngine();
  worker = await startPoolWorker(server.url, config, 'high', engine, 'w1');
});
afterEach(async () => {
  engine.allow('r', 3);
  await worker.stop();
  await router.close();
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function submit(): Promise<void> {
  const submission = { prompt: 'why', slo_level: 'high', max_tokens: 3 };
  await router.dispatch(new GlobalScheduler(config).route(submission, 'r', Date.now()), Date.now());
}
const runs = (count: number) => until(() => engine.seen.length >= count, `run ${count}`);
const ended = () => until(async () => (await router.lookup('r')).state === 'ended', 'it ends');

describe('a job that comes back to the worker that had it', () => {
  it.each(['tried again', 'put back'] as const)('%s: keeps its lock', async (how) => {
    engine.fails = how === 'tried again' ? 1 : 0;
    await submit();
    await runs(1);
    if (how === 'put back') worker.worker.requeueAll();
    await runs(2);
    await sleep(LOCKS_MS);
    expect(engine.seen).toHaveLength(2);
    expect(worker.worker.active).toBe(1);
    engine.allow('r', 3);
    await ended();
    expect(await router.lookup('r')).toMatchObject({ outcome: { result: { text: 'r:0 r:1 r:2 ' } } });
    expect(worker.worker.active).toBe(0);
  });

  it('keeps its lock when a run of it that was overtaken ends late', async () => {
    let letGo = () => {};
    engine.deaf = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    await submit();
    await runs(1);
    engine.deaf = undefined;
    await redis.del(`${router.queues.decode.toKey('r')}:lock`);
    await runs(2);
    letGo();
    await sleep(LOCKS_MS);
    expect(engine.seen).toHaveLength(2);
    engine.allow('r', 3);
    await ended();
    expect(await router.lookup('r')).toMatchObject({ outcome: { kind: 'completed' } });
  });

  it('can be cancelled while it runs again', async () => {
    engine.fails = 1;
    await submit();
    await runs(2);
    await sleep(50);
    await router.cancel('r');
    await ended();
    expect(await router.lookup('r')).toMatchObject({ outcome: { kind: 'cancelled' } });
    expect(engine.aborted).toEqual(['r']);
  });
});

it('a request that each attempt fails ends with the engine’s error after three', async () => {
  engine.fails = 100;
  await submit();
  await ended();
  expect(await router.lookup('r')).toMatchObject({
    outcome: { kind: 'failed', code: 'engine_failed', message: 'no token in time' },
  });
  await sleep(LOCKS_MS);
  expect(engine.seen).toHaveLength(3);
});

it('a run whose lock is lost is ended at its engine', async () => {
  await submit();
  await runs(1);
  await redis.set(`${router.queues.decode.toKey('r')}:lock`, 'another worker', 'PX', 20_000);
  await until(() => engine.aborted.length === 1, 'it is aborted');
});
