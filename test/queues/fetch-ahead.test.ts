import { setTimeout as sleep } from 'node:timers/promises';
import { type Job, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/queues/connection.js';
import { PullWorker } from '../../src/queues/pull-worker.js';
import { until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const PREFIX = '{ahead}';
/** Longer than any test: a job whose fetch was lost would come again only then. */
const LOCK_MS = 60_000;

let server: TestRedis;
let redis: Redis;
let queue: Queue;
const workers: PullWorker[] = [];

beforeEach(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  queue = new Queue('q', {
    connection: connect(server.url, 'producer'),
    prefix: PREFIX,
    skipVersionCheck: true,
  });
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.close()));
  await queue.close();
  redis.disconnect();
  await server.stop();
});

function worker(process: (job: Job) => Promise<unknown>, name: string, concurrency = 10): PullWorker {
  const one = new PullWorker('q', process, {
    connection: connect(server.url, 'worker'),
    prefix: PREFIX,
    name,
    concurrency,
    lockDuration: LOCK_MS,
    drainDelay: 2,
    autorun: false,
    skipVersionCheck: true,
  });
  one.on('error', () => {});
  void one.run();
  workers.push(one);
  return one;
}

const add = (k: number) => queue.add('job', { k }, { priority: 1 + (k % 7), jobId: `j${k}` });

/** Calls of a command so far. */
async function calls(command: string): Promise<number> {
  const stats = await redis.info('commandstats');
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0);
}

describe('a fetch that is sent with the wait', () => {
  it('takes one wait and one fetch for a job, and leaves no marker behind', async () => {
    const done: string[] = [];
    worker(async (job) => done.push(job.id ?? ''), 'w');
    await until(async () => (await calls('bzpopmin')) >= 1, 'it waits');
    const before = await calls('bzpopmin');
    for (let k = 0; k < 20; k++) {
      await add(k);
      await until(() => done.length === k + 1, `job ${k}`);
      await sleep(5);
    }
    expect((await calls('bzpopmin')) - before).toBeLessThanOrEqual(22);
    expect(await redis.zcard(`${PREFIX}:q:marker`)).toBe(0);
  });

  it('says when the job began, not when the fetch was sent', async () => {
    const begun: number[] = [];
    worker(async (job) => begun.push(job.processedOn ?? 0), 'w');
    await sleep(400);
    const addedAtMs = Date.now();
    const job = await add(1);
    await until(() => begun.length === 1, 'it begins');
    expect(begun[0]).toBeGreaterThanOrEqual(addedAtMs);
    expect((await queue.getJob(job.id ?? ''))?.processedOn).toBeGreaterThanOrEqual(addedAtMs);
  });

  it('gives each of many jobs to one of several workers, in the order of their priorities', async () => {
    const seen: string[] = [];
    const take = async (job: Job) => {
      seen.push(job.id ?? '');
      await sleep(1);
    };
    await Promise.all(Array.from({ length: 300 }, (_, k) => add(k)));
    for (const name of ['a', 'b', 'c']) worker(take, name, 3);
    await until(() => seen.length >= 300, 'all of them');
    await sleep(50);
    expect(new Set(seen).size).toBe(300);
    expect(seen).toHaveLength(300);
  });

  it('loses no job to a worker that closes while jobs come', async () => {
    const seen: string[] = [];
    let next = 0;
    let adding = true;
    const source = (async () => {
      for (; adding; next++) {
        await add(next);
        if (next % 3 === 0) await sleep(1);
      }
    })();
    for (let round = 0; round < 25; round++) {
      const one = worker(async (job) => seen.push(job.id ?? ''), `w${round}`, 50);
      await sleep(20 + round);
      await one.close();
    }
    adding = false;
    await source;
    expect(await redis.llen(`${PREFIX}:q:active`)).toBe(0);
    worker(async (job) => seen.push(job.id ?? ''), 'last', 50);
    await until(() => seen.length >= next, 'all of them');
    expect(new Set(seen).size).toBe(next);
    expect(seen).toHaveLength(next);
  });

  it('leaves no job behind that comes in the moment of a close', async () => {
    const seen: string[] = [];
    for (let round = 0; round < 60; round++) {
      const waits = await calls('bzpopmin');
      const one = worker(async (job) => seen.push(job.id ?? ''), `w${round}`);
      await until(async () => (await calls('bzpopmin')) > waits, 'it waits');
      await Promise.all([add(round), sleep(round % 2).then(() => one.close())]);
      expect(await redis.llen(`${PREFIX}:q:active`)).toBe(0);
    }
    worker(async (job) => seen.push(job.id ?? ''), 'last');
    await until(() => seen.length === 60, 'all of them');
    expect(new Set(seen).size).toBe(60);
  });

  it('goes on after its connections were cut', async () => {
    const seen: string[] = [];
    worker(async (job) => seen.push(job.id ?? ''), 'w');
    for (let k = 0; k < 5; k++) {
      await add(k);
      await until(() => seen.length === k + 1, `job ${k}`);
      await redis.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    }
    expect(seen).toHaveLength(5);
  });

  it('holds on a pause and takes what came after it', async () => {
    const seen: string[] = [];
    const one = worker(async (job) => seen.push(job.id ?? ''), 'w');
    await add(0);
    await until(() => seen.length === 1, 'it works');
    await one.pause();
    await add(1);
    await sleep(300);
    expect(seen).toHaveLength(1);
    one.resume();
    await until(() => seen.length === 2, 'it goes on');
  });
});
