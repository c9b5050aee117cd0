import { type Job, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RoutedRequest } from '../../src/contract/request.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolQueues } from '../../src/queues/pool-queues.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const keys = new Keys('once');
let server: TestRedis;
let redis: Redis;
let blocking: Redis;
let queues: PoolQueues;
let decode: Worker;
let prefill: Worker;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'producer');
  blocking = connect(server.url, 'worker');
});
beforeEach(() => {
  queues = new PoolQueues('high', keys, redis);
  const options = {
    connection: blocking,
    prefix: keys.poolPrefix('high'),
    autorun: false,
    skipVersionCheck: true,
  };
  decode = new Worker(keys.decodeQueue('high'), null, options);
  prefill = new Worker(keys.prefillQueue('high'), null, options);
});
afterEach(async () => {
  await Promise.all([decode.close(), prefill.close(), queues.close()]);
  await redis.flushall();
});
afterAll(async () => {
  redis.disconnect();
  blocking.disconnect();
  await server.stop();
});

const request = (id: string): RoutedRequest => ({
  ...{ id, level: 'high', pool: 'high', model: 'm', prompt: 'x', isl: 1, maxTokens: 1 },
  ...{ acceptedAtMs: 1, deadlineMs: 1 },
});
const prefillJobs = () => queues.prefill.getJobCountByTypes('prioritized', 'active', 'waiting', 'completed');

async function taken(worker: Worker): Promise<Job> {
  const job = await worker.getNextJob('t', { block: false });
  if (job === undefined) throw new Error('nothing waits');
  return job;
}

describe('a request that is added again in the other form', () => {
  it('stays whole while it waits, and completes', async () => {
    await queues.add(request('a'), 5, 'whole');
    await queues.add(request('a'), 5, 'flow');
    expect(await prefillJobs()).toBe(0);
    const job = await taken(decode);
    await job.moveToCompleted({}, 't', false);
    expect(await job.getState()).toBe('completed');
  });

  it('stays whole while it runs, and completes', async () => {
    await queues.add(request('a'), 5, 'whole');
    const job = await taken(decode);
    await queues.add(request('a'), 5, 'flow');
    await job.moveToCompleted({}, 't', false);
    expect(await job.getState()).toBe('completed');
    await queues.add(request('a'), 5, 'flow');
    expect(await prefillJobs()).toBe(0);
  });

  it('stays a flow, also when its prefill half is no longer kept', async () => {
    await queues.add(request('a'), 5, 'flow');
    await queues.add(request('a'), 5, 'whole');
    expect(await (await queues.find('a'))?.getState()).toBe('waiting-children');
    const half = await taken(prefill);
    await half.moveToCompleted({ kv: 1 }, 't', false);
    await half.remove();
    const job = await taken(decode);
    await queues.add(request('a'), 5, 'flow');
    expect(await prefillJobs()).toBe(0);
    await job.moveToCompleted({}, 't', false);
    expect(await job.getState()).toBe('completed');
  });

  it('has one form when several add it at once', async () => {
    const others = [0, 1, 2].map(() => new PoolQueues('high', keys, redis));
    for (let round = 0; round < 30; round++) {
      const one = request(`r${round}`);
      await Promise.all(others.map((to, k) => to.add(one, 5, k % 2 === 0 ? 'flow' : 'whole')));
      const whole = (await (await queues.find(one.id))?.getState()) === 'prioritized';
      const half = await queues.prefill.getJob(one.id);
      expect(half === undefined, one.id).toBe(whole);
    }
    await Promise.all(others.map((other) => other.close()));
  });
});
