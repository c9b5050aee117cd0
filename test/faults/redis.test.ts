import { afterEach, beforeEach, expect, it } from 'vitest';
import { readLeases } from '../../src/gpu/state.js';
import { transitionsOf } from '../support/invariants.js';
import { until } from '../support/pool.js';
import { expectComplete, Load } from '../support/requests.js';
import { sleep, TestSystem } from '../support/system.js';

let system: TestSystem;
beforeEach(async () => {
  system = await TestSystem.start();
});
afterEach(() => system.close());

it('kill -9 of Redis under load: it is started again on its data, nothing is lost, no token comes twice', async () => {
  await system.ready('high', 1);
  const load = new Load(await system.client(), 'load', 150, { max_tokens: 500 });
  await until(() => load.asked.length >= 20, 'load');
  const before = await system.redisPid();
  process.kill(before, 'SIGKILL');
  await until(async () => (await system.redisPid().catch(() => before)) !== before, 'a new Redis', 60_000);
  await until(async () => (await system.redis.ping()) === 'PONG', 'Redis answers');
  await sleep(2_000);
  const asked = await load.stop();
  expect(asked.length).toBeGreaterThan(25);
  await expectComplete(asked);
  await system.recovered('high');
  await system.expectSound(asked);
});

it('Redis frozen for 10 s under load: all goes on after it, and nothing was scaled down meanwhile', async () => {
  const workers = await system.ready('high', 1);
  const load = new Load(await system.client(), 'load', 150, { max_tokens: 400 });
  await until(() => load.asked.length >= 20, 'load');
  const leases = await readLeases(system.redis, system.keys);
  const orders = (await transitionsOf(system.redis, system.keys, 'high')).length;
  const redis = await system.redisPid();
  process.kill(redis, 'SIGSTOP');
  await sleep(10_000);
  process.kill(redis, 'SIGCONT');
  await until(async () => (await system.redis.ping()) === 'PONG', 'Redis answers');
  const after = await readLeases(system.redis, system.keys);
  expect(after.map((lease) => lease.leaseId)).toEqual(
    expect.arrayContaining(leases.map((lease) => lease.leaseId)),
  );
  const asked = await load.stop();
  await expectComplete(asked);
  await system.recovered('high');
  // The workers that it had are those that it has: nobody lost a lease for the silence of Redis.
  const pids = (await system.workers('high')).map((beat) => beat.pid);
  expect(pids).toEqual(expect.arrayContaining(workers.map((beat) => beat.pid)));
  const since = (await transitionsOf(system.redis, system.keys, 'high')).slice(orders);
  const decode = since.flatMap(({ order }) => (order === null ? [] : [order.decode]));
  expect(decode.filter((count) => count < leases.length)).toEqual([]);
  await system.expectSound(asked);
});
