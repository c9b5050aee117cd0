import { Queue } from 'bullmq';
import { pino } from 'pino';
import { expect } from 'vitest';
import type { Config } from '../../src/config/types.js';
import { scaleWorker } from '../../src/gpu/orders.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { Ingress } from '../../src/scheduler/ingress.js';
import { Outbox } from '../../src/scheduler/planner-loop/outbox.js';
import { PoolRouter } from '../../src/scheduler/pool-router.js';
import { HandEngine, startPoolWorker, until } from '../support/pool.js';
import { type Knob, knob, poolKnob, poolOf, type Room } from './knob.js';
import { heartbeat } from './looks.js';
import { closing, emptyRedis, routed, sleep } from './redis.js';

const silent = pino({ level: 'silent' });

/** What stands in the queues and streams, by the fields of the file. */
export const QUEUES: Knob[] = [
  poolKnob('priority', {
    says: 'of two scale orders that wait, that of the more important pool is served first',
    to: 7,
    see: ordersServed,
    show: (before, after) =>
      expect([before, after]).toEqual([
        ['p', 'q'],
        ['q', 'p'],
      ]),
  }),
  poolKnob('disaggregation.enabled', {
    says: 'a long prompt goes to a ready prefill worker first, or whole to a decode worker',
    to: true,
    see: (config, room) => queueOf(config, room, 2000),
    show: (before, after) => expect([before, after]).toEqual(['decode', 'prefill']),
  }),
  poolKnob('disaggregation.min_prompt_tokens', {
    says: 'a prompt of 300 tokens goes to prefill from 200 tokens on, not from 512',
    given: { 'pools.p.disaggregation.enabled': true },
    to: 200,
    see: (config, room) => queueOf(config, room, 300),
    show: (before, after) => expect([before, after]).toEqual(['decode', 'prefill']),
  }),
  knob('namespace', {
    says: 'an installation of another name on the same Redis does not see the request',
    to: 'other',
    see: async (config, room) => {
      const { redis, router } = await emptyRedis(config, room);
      await router.dispatch(routed(config, 'r1'), Date.now());
      const ours = new PoolRouter(poolOf(config), config, redis, new Keys('knobs'));
      closing(() => ours.close());
      return (await ours.lookup('r1')).state;
    },
    show: (before, after) => expect([before, after]).toEqual(['open', 'missing']),
  }),
  knob('queues.deadline_resolution_ms', {
    says: 'requests due 15 ms apart run in order of arrival at 20 ms, in order of deadline at 1 ms',
    to: 1,
    see: async (config, room) => {
      const { redis, keys, router } = await emptyRedis(config, room);
      const epochMs = 1_700_000_000_000;
      await redis.set(keys.deadlineEpoch('p'), epochMs);
      const atMs = epochMs + 100_000;
      await router.dispatch(routed(config, 'later', {}, atMs + 15), atMs);
      await router.dispatch(routed(config, 'sooner', {}, atMs), atMs);
      return (await router.queues.decode.getJobs(['prioritized'], 0, -1, true)).map(({ id }) => id);
    },
    show: (before, after) =>
      expect([before, after]).toEqual([
        ['later', 'sooner'],
        ['sooner', 'later'],
      ]),
  }),
  knob('queues.lock_seconds', {
    says: 'the lock of a request that a worker took, after which it runs again if the worker died, lasts so long',
    to: 2,
    see: async (config, room) => {
      const { redis, keys, router } = await emptyRedis(config, room);
      await startWorker(config, room, new HandEngine());
      await router.dispatch(routed(config, 'r1'), Date.now());
      const lock = `${keys.poolPrefix('p')}:${keys.decodeQueue('p')}:r1:lock`;
      let leftMs = 0;
      await until(async () => {
        leftMs = await redis.pttl(lock);
        return leftMs > 0;
      }, 'the lock');
      return leftMs;
    },
    show: (before, after) => {
      // It is renewed every third of its time.
      expect(before).toBeGreaterThan(4000);
      expect(before).toBeLessThanOrEqual(15_000);
      expect(after).toBeLessThanOrEqual(2000);
    },
  }),
  knob('queues.keep_jobs', {
    says: 'of three requests that ended the queue keeps one, where it may not keep 10,000',
    to: 1,
    see: async (config, room) => {
      const { router } = await emptyRedis(config, room);
      await startWorker(config, room, new HandEngine(100, true));
      for (const id of ['r1', 'r2', 'r3']) await complete(config, router, id);
      return router.queues.decode.getCompletedCount();
    },
    show: (before, after) => expect([before, after]).toEqual([3, 1]),
  }),
  knob('queues.keep_seconds', {
    says: 'a request that ended more than a second ago is gone when the next one ends, or kept for an hour',
    to: 1,
    see: async (config, room) => {
      const { router } = await emptyRedis(config, room);
      await startWorker(config, room, new HandEngine(100, true));
      await complete(config, router, 'r1');
      await sleep(1200);
      await complete(config, router, 'r2');
      return (await router.lookup('r1')).state;
    },
    show: (before, after) => expect([before, after]).toEqual(['ended', 'missing']),
  }),
  knob('queues.ingress_concurrency', {
    says: 'of three plain jobs the ingress holds two at once, where it may not hold all',
    to: 2,
    see: async (config, room) => {
      await emptyRedis(config, room);
      const jobs = await plainJobs(config, room, 'bull', 3);
      const held = async () => (await jobs.getJobCounts('active')).active ?? 0;
      const most = Math.min(3, config.queues.ingressConcurrency);
      await until(async () => (await held()) >= most, 'held jobs');
      // Time to take one too many.
      await sleep(300);
      return held();
    },
    show: (before, after) => expect([before, after]).toEqual([3, 2]),
  }),
  knob('queues.requests_prefix', {
    says: 'the ingress takes the plain jobs under the new prefix, and those under the old one no longer',
    to: 'tenant',
    see: async (config, room) => {
      await emptyRedis(config, room);
      const bull = await plainJobs(config, room, 'bull', 1);
      const tenant = await plainJobs(config, room, 'tenant', 1, false);
      const taken = async (jobs: Queue) => ((await jobs.getJobCounts('active')).active ?? 0) > 0;
      const both = async () => [await taken(bull), await taken(tenant)];
      await until(async () => (await both()).includes(true), 'a job to be taken');
      return both();
    },
    show: (before, after) =>
      expect([before, after]).toEqual([
        [true, false],
        [false, true],
      ]),
  }),
];

/** Orders of both pools wait before an allocator takes them, those of `p` sent last. */
async function ordersServed(config: Config, room: Room): Promise<string[]> {
  const { redis, keys } = await emptyRedis(config, room);
  for (const name of ['q', 'p']) {
    const outbox = new Outbox(redis, keys, poolOf(config, name).priority);
    closing(() => outbox.close());
    await outbox.send({ pool: name, generation: 1, prefill: 0, decode: 1, reason: 'r', observationId: 'o' });
  }
  const served: string[] = [];
  const connection = connect(room.redisUrl, 'worker');
  const worker = scaleWorker(connection, keys, config, silent, async ({ pool }) => {
    served.push(pool);
    const none = { prefill: 0, decode: 0 };
    return { pool, generation: 1, status: 'applied', asked: none, granted: none, shortage: 'none', atMs: 0 };
  });
  closing(async () => {
    await worker.close();
    connection.disconnect();
  });
  await until(() => served.length === 2, 'both orders');
  return served;
}

/** The queue of pool `p` on which a prompt of so many tokens waits, with a prefill worker ready. */
async function queueOf(config: Config, room: Room, tokens: number): Promise<string> {
  const { redis, keys, router } = await emptyRedis(config, room);
  const beat = heartbeat({ role: 'prefill', atMs: Date.now() });
  await redis.hset(keys.heartbeats('p'), beat.workerId, JSON.stringify(beat));
  await router.dispatch(routed(config, 'r1', { prompt: 'word '.repeat(tokens) }), Date.now());
  return (await router.queues.prefill.getJob('r1')) === undefined ? 'decode' : 'prefill';
}

async function startWorker(config: Config, { redisUrl }: Room, engine: HandEngine): Promise<void> {
  const worker = await startPoolWorker(redisUrl, config, 'p', engine, 'w1');
  closing(() => worker.stop());
}

async function complete(config: Config, router: PoolRouter, id: string): Promise<void> {
  await router.dispatch(routed(config, id), Date.now());
  await until(async () => (await router.lookup(id)).state === 'ended', `the end of ${id}`);
}

/** Adds plain jobs to the `requests` queue under a BullMQ prefix, and starts an ingress unless told not to. */
async function plainJobs(config: Config, { redisUrl }: Room, prefix: string, count: number, ingress = true) {
  const connection = connect(redisUrl, 'producer');
  const jobs = new Queue('requests', { connection, prefix });
  closing(async () => {
    await jobs.close();
    connection.disconnect();
  });
  for (let k = 0; k < count; k++) await jobs.add('request', { prompt: 'a few words', slo_level: 'medium' });
  if (ingress) {
    const started = await Ingress.start(config, redisUrl, silent);
    closing(() => started.stop());
  }
  return jobs;
}
