import { pino } from 'pino';
import { expect } from 'vitest';
import type { Config } from '../../src/config/types.js';
import type { Lease } from '../../src/contract/lease.js';
import { heartbeatSchema } from '../../src/contract/worker.js';
import type { Actuator } from '../../src/gpu/actuator.js';
import { budgetsOf, inventoryOf } from '../../src/gpu/core/inventory.js';
import { RedisLedger } from '../../src/gpu/ledger.js';
import { holdLock } from '../../src/gpu/lock.js';
import { ReconcilePass } from '../../src/gpu/pass.js';
import { readLeases } from '../../src/gpu/state.js';
import { WorkerProcess } from '../../src/scheduler/worker/process.js';
import { until } from '../support/pool.js';
import { type Knob, knob, poolKnob, type Room } from './knob.js';
import { closing, emptyRedis, routed, sleep } from './redis.js';

const warm = { 'pools.p.engine.cold_start_seconds': 0 };

/** Who holds leases and how workers live, by the fields of the file. */
export const WORKERS: Knob[] = [
  poolKnob('priority', {
    says: 'where both pools want all eight GPUs, the more important one gets them',
    given: {
      'pools.p.gpu_budget': { guaranteed: 0, ceiling: 8 },
      'pools.q.gpu_budget': { guaranteed: 0, ceiling: 8 },
      'pools.p.max_workers': 8,
      'pools.q.max_workers': 8,
      'pools.p.min_workers': 0,
      'pools.q.min_workers': 0,
    },
    to: 7,
    see: async (config, room) => {
      const leases = await leasesAfterOnePass(config, room);
      return ['p', 'q'].map((name) => leases.filter(({ pool }) => pool === name).length);
    },
    show: (before, after) =>
      expect([before, after]).toEqual([
        [8, 0],
        [0, 8],
      ]),
  }),
  knob('worker.lease_seconds', {
    says: 'the allocator takes leases that end without a renewal after so long',
    to: 20,
    see: async (config, room) => (await leasesAfterOnePass(config, room))[0]?.leaseMs,
    show: (before, after) => expect([before, after]).toEqual([10_000, 20_000]),
  }),
  knob('worker.heartbeat_seconds', {
    says: 'a worker tells of itself every 0.1 s, or every second',
    given: warm,
    to: 0.1,
    see: shortestBeatMs,
    show: (before, after) => {
      expect(before).toBeGreaterThan(500);
      expect(after).toBeLessThan(500);
    },
  }),
  knob('worker.drain_seconds', {
    says: 'a draining worker gives a long request back to the queue at once, or goes on with it for a minute',
    given: warm,
    to: 0,
    see: async (config, room) => {
      const { router, worker } = await startWorker(config, room);
      const stateOf = async () => (await router.queues.find('r1'))?.getState();
      await router.dispatch(routed(config, 'r1', { max_tokens: 16_000 }), Date.now());
      await until(async () => (await stateOf()) === 'active', 'the request to run');
      worker.drain('the test says so');
      for (let i = 0; i < 60 && (await stateOf()) === 'active'; i++) await sleep(50);
      return stateOf();
    },
    show: (before, after) => expect([before, after]).toEqual(['active', 'prioritized']),
  }),
];

/** The leases after one pass of an allocator to which both pools ordered eight workers. */
async function leasesAfterOnePass(config: Config, room: Room): Promise<Lease[]> {
  const { redis, keys } = await emptyRedis(config, room);
  const fence = await holdLock(redis, keys, 'an allocator');
  const ledger = new RedisLedger(redis, keys, fence ?? 0);
  let ids = 0;
  const passes = new ReconcilePass({
    redis,
    keys,
    config,
    tp: {},
    actuator: noProcesses,
    newId: () => String(ids++),
    log: pino({ level: 'silent' }),
    configFile: null,
    dataDir: '.',
    ownerPid: null,
  });
  await ledger.configure(passes.inventory, passes.budgets);
  for (const pool of ['q', 'p'])
    await ledger.order({ pool, generation: 1, prefill: 0, decode: 8, reason: 'r', observationId: 'o' });
  await passes.run(ledger, { stopAll: false });
  return readLeases(redis, keys);
}

/** Leases are what is looked at. */
const noProcesses: Actuator = {
  start: async () => ({ host: 'elsewhere', pid: 1 }),
  adopt: () => {},
  stop: async () => {},
  resume: async () => {},
  alive: () => null,
  exitOf: () => null,
  known: () => [],
  forget: () => {},
  logTail: async () => [],
  onExit: () => {},
};

/** A worker of pool `p`, in this process, with a lease and at work. */
async function startWorker(config: Config, room: Room) {
  const { redis, keys, router } = await emptyRedis(config, room);
  const fence = await holdLock(redis, keys, 'an allocator');
  const ledger = new RedisLedger(redis, keys, fence ?? 0);
  await ledger.configure(inventoryOf(config.inventory), budgetsOf(config.pools));
  const lease = {
    leaseId: 'l1',
    pool: 'p',
    role: 'vllm',
    workerId: 'w1',
    host: 'localhost',
    gpus: ['localhost:0'],
    generation: 1,
  } as const;
  await ledger.acquire({ ...lease, gpus: [...lease.gpus], leaseMs: 60_000 });
  const spec = { ...lease, gpus: [...lease.gpus], tp: 1, configFile: null, dataDir: '.', ownerPid: null };
  const worker = new WorkerProcess(spec, config, room.redisUrl);
  const ended = worker.run();
  closing(async () => {
    worker.abandon();
    await ended;
  });
  const beat = async () =>
    heartbeatSchema.parse(JSON.parse((await redis.hget(keys.heartbeats('p'), 'w1')) ?? '{}'));
  await until(async () => (await beat().catch(() => null))?.state === 'ready', 'a ready worker');
  return { router, worker, beat };
}

/** The shortest time between two of its heartbeats, ms; looks no further than one below 500 ms. */
async function shortestBeatMs(config: Config, room: Room): Promise<number> {
  const { beat } = await startWorker(config, room);
  const times: number[] = [];
  let shortest = Number.POSITIVE_INFINITY;
  while (times.length < 5 && shortest > 500) {
    const { atMs } = await beat();
    if (atMs !== times.at(-1)) times.push(atMs);
    // The first two may be that of getting ready and the clock's, which have nothing to do with one another.
    if (times.length > 2) shortest = Math.min(shortest, times.at(-1)! - times.at(-2)!);
    await sleep(10);
  }
  return shortest;
}
