import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ROLE_FLAGS } from '../../src/config/environment.js';
import type { Config } from '../../src/config/types.js';
import { LocalActuator } from '../../src/gpu/local-actuator.js';
import { processAlive } from '../../src/gpu/process.js';
import { startAllocator } from '../../src/gpu/start.js';
import { clearFailures, readAllocatorBeat, readGrant, readWorkerFailures } from '../../src/gpu/state.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { compileFixtures, eventually, gpuConfig, Outside, order, WORKER_FIXTURE } from './support.js';

const log = pino({ level: process.env.SLUICE_TEST_LOG ?? 'silent' });

describe('GPU allocator with real worker processes', () => {
  let server: TestRedis;
  let stop: ((how: { stopWorkers: boolean }) => Promise<void>) | null = null;
  let outside: Outside;
  let dataDir = '';
  let run = 0;

  beforeAll(async () => {
    server = await startTestRedis();
  }, 60_000);
  afterEach(async () => {
    await stop?.({ stopWorkers: true });
    stop = null;
    delete process.env.SLUICE_TEST_HOST;
    await outside?.close();
    rmSync(dataDir, { recursive: true, force: true });
  }, 60_000);
  afterAll(() => server.stop());

  /** Starts an allocator of its own namespace whose workers are the fixture's. */
  async function start(pools: Parameters<typeof gpuConfig>[1], change: (config: Config) => void = () => {}) {
    const namespace = `alloc${run++}`;
    await compileFixtures(namespace);
    const config = gpuConfig(namespace, pools);
    change(config);
    dataDir = mkdtempSync(join(tmpdir(), 'sluice-gpu-'));
    const programs = { vllm: WORKER_FIXTURE, prefill: WORKER_FIXTURE };
    const actuator = new LocalActuator({ redisUrl: server.url, dataDir, programs });
    outside = new Outside(server.url, namespace);
    const options = { config, configFile: null, redisUrl: server.url, dataDir, ownerPid: null, log };
    stop = (await startAllocator({ ...options, actuator })).stop;
    return { config, options };
  }
  const running = (count: number) =>
    eventually(async () => {
      const leases = await outside.leases();
      return leases.length === count && leases.every((lease) => lease.state === 'running') && leases;
    });
  const pids = async (pool: string) =>
    Object.values(await outside.redis.hgetall(outside.keys.heartbeats(pool))).map(
      (text) => JSON.parse(text).pid as number,
    );
  const give = async (data: unknown) => outside.answer(await outside.send(data));

  it('starts workers for an order, drains them for a lower one, and leaves nothing when it stops them', async () => {
    await start({ a: {} });
    expect(await give(order('a', 1, 2))).toMatchObject({ status: 'applied', granted: { decode: 2 } });
    const leases = await running(2);
    expect(new Set(leases.flatMap((lease) => lease.gpus)).size).toBe(2);
    const processes = await eventually(async () => {
      const found = await pids('a');
      return found.length === 2 && found;
    });
    for (const pid of processes)
      expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')).toEqual(
        expect.arrayContaining([...ROLE_FLAGS]),
      );
    expect(await give(order('a', 2, 1))).toMatchObject({ status: 'applied', granted: { decode: 1 } });
    await running(1);
    expect(await readAllocatorBeat(outside.redis, outside.keys)).toBeGreaterThan(0);
    await stop!({ stopWorkers: true });
    stop = null;
    expect(await outside.leases()).toEqual([]);
    expect(processes.filter(processAlive)).toEqual([]);
    expect(await outside.redis.hlen(outside.keys.roles())).toBe(0);
  }, 90_000);

  it('drops stale orders, applies the same twice without change, and takes them in any arrival order', async () => {
    await start({ a: {} });
    await give(order('a', 5, 1));
    const [before] = await running(1);
    expect(await give(order('a', 4, 2))).toMatchObject({ status: 'stale', generation: 4 });
    expect(await give(order('a', 5, 2))).toMatchObject({ status: 'applied', granted: { decode: 1 } });
    expect(await readGrant(outside.redis, outside.keys, 'a')).toMatchObject({ generation: 5 });
    expect((await running(1))[0]!.leaseId).toBe(before!.leaseId);
  }, 90_000);

  it('fails malformed orders and unknown pools with a clear reason and harms nothing', async () => {
    await start({ a: {} });
    for (const bad of [
      null,
      'scale',
      { pool: 'a' },
      order('a', 1, -1),
      order('a', 1, 0.5),
      order('a', 0, 1),
    ]) {
      await expect(give(bad)).rejects.toThrow(/^invalid_job: /);
    }
    await expect(give(order('nobody', 1, 1))).rejects.toThrow(/invalid_job: .*out of a, got "nobody"/);
    await expect(give(order('__proto__', 1, 1))).rejects.toThrow(/invalid_job/);
    expect(await give(order('a', 1, 1))).toMatchObject({ status: 'applied' });
  }, 90_000);

  it('grants a part, says so, and grants the rest once GPUs come free', async () => {
    const pools = {
      a: { gpuBudget: { guaranteed: 0, ceiling: 3 } },
      b: { gpuBudget: { guaranteed: 0, ceiling: 8 } },
    };
    await start(pools);
    await give(order('b', 1, 6));
    await running(6);
    expect(await give(order('a', 1, 3))).toMatchObject({
      ...{ status: 'partial', shortage: 'inventory', granted: { decode: 2 } },
    });
    await running(8);
    await give(order('b', 2, 4));
    await eventually(async () => (await readGrant(outside.redis, outside.keys, 'a'))?.status === 'applied');
    const leases = await running(7);
    expect(leases.filter((lease) => lease.pool === 'a').length).toBe(3);
  }, 120_000);

  it('takes a drain back when the order rises again before the worker has stopped', async () => {
    await start({ a: {} }, (config) => {
      config.worker.drainSeconds = 60;
    });
    await give(order('a', 1, 2));
    const before = await running(2);
    await outside.redis.set('fake:busy:a', 1);
    await give(order('a', 2, 1));
    await eventually(async () => {
      const states = await outside.redis.hvals(outside.keys.heartbeats('a'));
      return states.some((text) => JSON.parse(text).state === 'draining');
    });
    expect(await give(order('a', 3, 2))).toMatchObject({ status: 'applied', granted: { decode: 2 } });
    await outside.redis.del('fake:busy:a');
    await eventually(async () => {
      const states = await outside.redis.hvals(outside.keys.heartbeats('a'));
      return states.length === 2 && states.every((text) => JSON.parse(text).state === 'ready');
    });
    expect((await running(2)).map((lease) => lease.leaseId)).toEqual(before.map((lease) => lease.leaseId));
  }, 90_000);

  it('kills a worker that does not stop by its drain deadline', async () => {
    await start({ a: {} }, (config) => {
      config.worker.drainSeconds = 1;
    });
    await give(order('a', 1, 1));
    await running(1);
    await outside.redis.set('fake:busy:a', 1);
    await give(order('a', 2, 0));
    await eventually(async () => (await outside.leases()).length === 0);
    await outside.redis.del('fake:busy:a');
  }, 90_000);

  it('drains workers that an allocator of another host started, takes that back, and ends them at the deadline', async () => {
    process.env.SLUICE_TEST_HOST = 'elsewhere';
    const { config, options } = await start({ a: {} }, (changed) => {
      changed.worker.drainSeconds = 600;
    });
    const { redis, keys } = outside;
    await give(order('a', 1, 2));
    await running(2);
    const states = async () =>
      (await redis.hvals(keys.heartbeats('a'))).map((text) => JSON.parse(text).state).toSorted();
    await eventually(async () => (await states()).length === 2);
    await stop!({ stopWorkers: false });
    for (const [id, text] of Object.entries(await redis.hgetall(keys.gpu('processes'))))
      await redis.hset(keys.gpu('processes'), id, JSON.stringify({ ...JSON.parse(text), host: 'elsewhere' }));
    stop = (await startAllocator(options)).stop;

    await redis.set('fake:busy:a', 1);
    await give(order('a', 2, 1));
    await eventually(async () => (await states()).includes('draining'));
    expect(await give(order('a', 3, 2))).toMatchObject({ status: 'applied', granted: { decode: 2 } });
    await eventually(async () => (await states()).join() === 'ready,ready');
    await stop({ stopWorkers: false });
    const worker = { ...config.worker, drainSeconds: 1 };
    stop = (await startAllocator({ ...options, config: { ...config, worker } })).stop;
    // Busy for longer than the deadline: told to put its requests back, since nobody here can kill it.
    await give(order('a', 4, 1));
    expect(await running(1)).toHaveLength(1);
    await redis.del('fake:busy:a');
    await give(order('a', 5, 0));
    await eventually(async () => (await outside.leases()).length === 0);
    await eventually(async () => (await redis.hlen(keys.gpu('processes'))) === 0);
    expect(await readWorkerFailures(redis, keys)).toEqual([]);
  }, 90_000);

  it('restarts a crashed worker with growing delays, gives up with its reason and log, and begins anew on a newer order', async () => {
    await start({ a: {} });
    await outside.redis.set('fake:crash:a', 1);
    await give(order('a', 1, 1));
    const grant = await eventually(async () => {
      const now = await readGrant(outside.redis, outside.keys, 'a');
      return now?.shortage === 'crash-loop' && now;
    });
    expect(grant).toMatchObject({ status: 'partial', granted: { decode: 0 } });
    const [failure] = await readWorkerFailures(outside.redis, outside.keys);
    // The first start and maxRestarts = 2 more.
    expect(failure).toMatchObject({ pool: 'a', role: 'vllm', count: 3, gaveUp: true, reason: 'exit code 3' });
    expect(failure!.logTail).toEqual([expect.stringMatching(/^cuda devices \d$/), 'out of memory (as told)']);
    expect(await outside.leases()).toEqual([]);
    await outside.redis.del('fake:crash:a');
    await give(order('a', 2, 1));
    await running(1);
    expect(await readGrant(outside.redis, outside.keys, 'a')).toMatchObject({ status: 'applied' });
  }, 120_000);

  it('begins anew when an operator clears the failures', async () => {
    await start({ a: {} });
    await outside.redis.set('fake:crash:a', 1);
    await give(order('a', 1, 1));
    await eventually(
      async () => (await readGrant(outside.redis, outside.keys, 'a'))?.shortage === 'crash-loop',
    );
    await outside.redis.del('fake:crash:a');
    await clearFailures(outside.redis, outside.keys, 'a');
    await running(1);
  }, 120_000);

  it('replaces a worker that was killed', async () => {
    await start({ a: {} });
    await give(order('a', 1, 1));
    const [before] = await running(1);
    const [pid] = await eventually(async () => {
      const found = await pids('a');
      return found.length === 1 && found;
    });
    process.kill(pid!, 'SIGKILL');
    const after = await eventually(async () => {
      const [lease] = await outside.leases();
      return lease?.state === 'running' && lease.leaseId !== before!.leaseId && lease;
    });
    expect(after.gpus.length).toBe(1);
  }, 90_000);

  it('takes the GPUs of a frozen worker back after one lease time and kills it', async () => {
    await start({ a: {} });
    await give(order('a', 1, 1));
    const [before] = await running(1);
    const [pid] = await eventually(async () => {
      const found = await pids('a');
      return found.length === 1 && found;
    });
    process.kill(pid!, 'SIGSTOP');
    await eventually(async () => {
      const leases = await outside.leases();
      return leases.length > 0 && leases.every((lease) => lease.leaseId !== before!.leaseId);
    });
    expect(processAlive(pid!)).toBe(false);
    const [failure] = await readWorkerFailures(outside.redis, outside.keys);
    expect(failure?.reason).toBe('no sign of life for 4 s');
  }, 90_000);
});
