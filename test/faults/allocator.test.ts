import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { processAlive } from '../../src/gpu/process.js';
import { readGrant } from '../../src/gpu/state.js';
import { ALLOCATOR_FIXTURE, compileFixtures, eventually, gpuConfig, Outside, order } from '../gpu/support.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

/** Allocators as processes of their own, with workers that are processes too, and faults that are real. */
describe('GPU allocator under faults', () => {
  let server: TestRedis;
  let outside: Outside;
  let namespace = '';
  let dataDir = '';
  let modules: { start: string; local: string };
  const allocators: ChildProcess[] = [];
  let run = 0;

  beforeAll(async () => {
    server = await startTestRedis();
  }, 60_000);
  afterEach(async () => {
    for (const child of allocators.splice(0)) child.kill('SIGKILL');
    for (const pid of workerPids()) process.kill(pid, 'SIGKILL');
    await outside.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  afterAll(() => server.stop());

  async function installation(): Promise<void> {
    namespace = `fault${run++}`;
    dataDir = mkdtempSync(join(tmpdir(), 'sluice-fault-'));
    modules = await compileFixtures(namespace);
    outside = new Outside(server.url, namespace);
  }

  function allocator(stopWorkers = false): ChildProcess {
    const config = gpuConfig(namespace, {
      a: { gpuBudget: { guaranteed: 4, ceiling: 4 }, priority: 1 },
      b: {
        gpuBudget: { guaranteed: 4, ceiling: 4 },
        priority: 2,
        tensorParallelism: { prefill: 1, decode: 2 },
      },
    });
    const options = { config, configFile: null, redisUrl: server.url, dataDir, ownerPid: null, stopWorkers };
    const args = [ALLOCATOR_FIXTURE, modules.start, modules.local, JSON.stringify(options)];
    const child = spawn(process.execPath, args, {
      stdio: process.env.SLUICE_TEST_LOG ? 'inherit' : 'ignore',
    });
    allocators.push(child);
    return child;
  }

  /** Worker processes of this installation, whoever knows of them: their command line names its data folder. */
  function workerPids(): number[] {
    return execFileSync('ps', ['-ww', '-eo', 'pid,stat,args'], { encoding: 'utf8' })
      .split('\n')
      .filter((line) => line.includes('--spec') && line.includes(dataDir))
      .filter((line) => !/^\s*\d+\s+Z/.test(line))
      .map((line) => Number.parseInt(line, 10));
  }

  /** Waits until exactly so many workers run, each with a lease that it renews, and no GPU is held beside. */
  function settled(workers: { a: number; b: number }) {
    return eventually(async () => {
      const leases = await outside.leases();
      const held = Object.keys(await outside.redis.hgetall(outside.keys.gpu('held')));
      const count = (pool: string) => leases.filter((lease) => lease.pool === pool).length;
      const grants = await Promise.all(['a', 'b'].map((p) => readGrant(outside.redis, outside.keys, p)));
      const right =
        count('a') === workers.a &&
        count('b') === workers.b &&
        leases.every((lease) => lease.state === 'running') &&
        held.toSorted().join() ===
          leases
            .flatMap((lease) => lease.gpus)
            .toSorted()
            .join() &&
        workerPids().length === workers.a + workers.b &&
        grants.every((grant) => grant === null || grant.status === 'applied');
      return right && leases;
    }, 60);
  }

  it('killed in the middle of an order, at any step of it, and started again, it reaches what was ordered', async () => {
    await installation();
    // Steps as they show from outside: order stored, first lease taken, later leases, first worker seen.
    const steps: (() => Promise<boolean>)[] = [
      async () => (await outside.redis.hlen(outside.keys.gpu('desired'))) > 0,
      async () => (await outside.leases()).length >= 1,
      async () => (await outside.leases()).length >= 3,
      async () => (await outside.redis.hlen(outside.keys.gpu('processes'))) >= 2,
      async () => (await outside.redis.hlen(outside.keys.heartbeats('b'))) >= 1,
    ];
    let generation = 0;
    for (const reached of steps) {
      const child = allocator();
      await settled(generation === 0 ? { a: 0, b: 0 } : { a: 4, b: 2 });
      generation += 2;
      if (generation > 2) {
        await outside.send(order('a', generation - 1, 0));
        await outside.send(order('b', generation - 1, 0));
        await settled({ a: 0, b: 0 });
      }
      await outside.send(order('a', generation, 4));
      await outside.send(order('b', generation, 2));
      while (!(await reached())) await new Promise((resolve) => setImmediate(resolve));
      child.kill('SIGKILL');
    }
    allocator();
    await settled({ a: 4, b: 2 });
    const grant = await readGrant(outside.redis, outside.keys, 'b');
    expect(grant).toMatchObject({ generation, status: 'applied', granted: { decode: 2 } });
  }, 300_000);

  it('a second one waits, and takes over the running workers when the first is killed', async () => {
    await installation();
    const first = allocator();
    await outside.send(order('a', 1, 2));
    const before = await settled({ a: 2, b: 0 });
    const pids = workerPids();
    allocator();
    await eventually(async () => {
      const roles = Object.values(await outside.redis.hgetall(outside.keys.roles()));
      return (
        roles
          .map((text) => JSON.parse(text).state as string)
          .toSorted()
          .join() === 'acting,waiting'
      );
    });
    first.kill('SIGKILL');
    await outside.send(order('a', 2, 3));
    const after = await settled({ a: 3, b: 0 });
    expect(after.map((lease) => lease.leaseId)).toEqual(expect.arrayContaining(before.map((l) => l.leaseId)));
    expect(workerPids()).toEqual(expect.arrayContaining(pids));
  }, 180_000);

  it('ended without the flag it leaves workers to its successor, which still notices their deaths', async () => {
    await installation();
    const first = allocator();
    await outside.send(order('a', 1, 2));
    await settled({ a: 2, b: 0 });
    const pids = workerPids();
    first.kill('SIGTERM');
    await eventually(async () => first.exitCode === 0);
    expect(workerPids()).toEqual(pids);
    allocator();
    process.kill(pids[0]!, 'SIGKILL');
    await eventually(async () => workerPids().length === 2 && !workerPids().includes(pids[0]!));
    await settled({ a: 2, b: 0 });
    expect(workerPids()).toContain(pids[1]);
  }, 180_000);

  it('ended with the flag it leaves no process and no lease', async () => {
    await installation();
    const child = allocator(true);
    await outside.send(order('a', 1, 3));
    await outside.send(order('b', 1, 2));
    await settled({ a: 3, b: 2 });
    child.kill('SIGTERM');
    await eventually(async () => child.exitCode === 0);
    expect(workerPids()).toEqual([]);
    expect(await outside.leases()).toEqual([]);
    expect(await outside.redis.hlen(outside.keys.gpu('held'))).toBe(0);
  }, 180_000);

  it('ended with the flag it leaves no process even when Redis is gone', async () => {
    await installation();
    const child = allocator(true);
    await outside.send(order('a', 1, 2));
    await settled({ a: 2, b: 0 });
    process.kill(server.pid, 'SIGKILL');
    try {
      child.kill('SIGTERM');
      await eventually(async () => child.exitCode === 0, 60);
      expect(workerPids()).toEqual([]);
    } finally {
      await server.restart();
    }
  }, 180_000);

  it('keeps every lease when Redis was frozen for longer than a lease lasts', async () => {
    await installation();
    allocator();
    await outside.send(order('a', 1, 3));
    const before = await settled({ a: 3, b: 0 });
    process.kill(server.pid, 'SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    process.kill(server.pid, 'SIGCONT');
    await outside.send(order('b', 1, 1));
    const after = await settled({ a: 3, b: 1 });
    expect(after.map((lease) => lease.leaseId)).toEqual(expect.arrayContaining(before.map((l) => l.leaseId)));
  }, 180_000);

  it('goes on where it was when Redis was killed and started again', async () => {
    await installation();
    const child = allocator();
    await outside.send(order('a', 1, 3));
    await settled({ a: 3, b: 0 });
    // The AOF is written once a second.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    process.kill(server.pid, 'SIGKILL');
    await server.restart();
    await outside.send(order('b', 1, 2));
    await settled({ a: 3, b: 2 });
    expect(child.exitCode).toBeNull();
    expect(processAlive(child.pid!)).toBe(true);
  }, 180_000);

  it('ends at the newest order, however orders were duplicated and shuffled', async () => {
    await installation();
    allocator();
    const generations = [3, 1, 9, 2, 9, 4, 8, 3, 7, 6, 5, 1];
    const jobs = await Promise.all(generations.map((g) => outside.send(order('a', g, g === 9 ? 2 : g % 4))));
    const answers = await Promise.all(jobs.map((job) => outside.answer(job)));
    const afterNewest = answers.slice(generations.indexOf(9) + 1).map((answer, i) => ({
      generation: generations[generations.indexOf(9) + 1 + i],
      status: (answer as { status: string }).status,
    }));
    for (const { generation, status } of afterNewest)
      expect(status).toBe(generation === 9 ? 'applied' : 'stale');
    const leases = await settled({ a: 2, b: 0 });
    expect(leases.every((lease) => lease.generation <= 9)).toBe(true);
  }, 180_000);
});
