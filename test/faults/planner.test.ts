import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { PLANNER_STATES, type PlannerState } from '../../src/contract/transition.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { Fabric, POOL } from './planner-fabric.js';

let server: TestRedis;
let fabric: Fabric;
let run = 0;

beforeAll(async () => {
  server = await startTestRedis();
});
afterEach(() => fabric.close());
afterAll(() => server.stop());

const PATIENCE = { timeout: 60_000, interval: 50 };

async function reaches(state: PlannerState): Promise<void> {
  await expect.poll(async () => (await fabric.snapshot())?.state, PATIENCE).toBe(state);
}

async function killed(planner: ChildProcess): Promise<void> {
  const gone = once(planner, 'exit');
  planner.kill('SIGKILL');
  await gone;
}

async function floor(min: number): Promise<void> {
  await fabric.redis.rpush(fabric.keys.operator(POOL), JSON.stringify({ type: 'floor', min }));
}

/** What brings a planner that begins into a state, and keeps it there. */
const WAYS: Record<PlannerState, () => Promise<void>> = {
  idle: async () => {
    await reaches('idle');
  },
  steady: async () => {
    fabric.rps = 2;
    await floor(1);
    await reaches('steady');
  },
  scaleUp: async () => {
    fabric.rps = 2;
    fabric.workers = { ready: 0, starting: 1, draining: 0 };
    await floor(1);
    await reaches('scaleUp');
  },
  burstProtect: async () => {
    await WAYS.steady();
    await expect
      .poll(async () => {
        fabric.extra = 200;
        return (await fabric.snapshot())?.state;
      }, PATIENCE)
      .toBe('burstProtect');
  },
  costOptimize: async () => {
    fabric.rps = 2;
    await floor(2);
    await expect.poll(async () => (await fabric.snapshot())?.memory.desired.decode, PATIENCE).toBe(2);
    await reaches('steady');
    await expect.poll(async () => (await fabric.snapshot())?.memory.lastTrafficAtMs, PATIENCE).not.toBeNull();
    // Let go of the floor, one of the two is too much; its drain does not end.
    fabric.drainsEnd = false;
    await floor(1);
    await reaches('costOptimize');
  },
  degraded: async () => {
    await WAYS.steady();
    fabric.telemetry = false;
    await reaches('degraded');
  },
  paused: async () => {
    await WAYS.steady();
    await fabric.redis.rpush(fabric.keys.operator(POOL), '{"type":"pause"}');
    await reaches('paused');
  },
};

test.each(PLANNER_STATES)('killed in %s it goes on there, and no order is lost or doubled', async (state) => {
  fabric = new Fabric(server.url, `fault${run++}`);
  const first = await fabric.planner();
  await WAYS[state]();
  await killed(first);
  const before = await fabric.snapshot();
  expect(before?.state).toBe(state);

  await fabric.planner();
  await expect
    .poll(async () => (await fabric.records()).map(({ event }) => event), PATIENCE)
    .toContain('RESTORED');
  const records = await fabric.records();
  const restored = records.find(({ event }) => event === 'RESTORED');
  expect(restored).toMatchObject({
    from: state,
    to: state,
    sequence: (before?.sequence ?? 0) + 1,
    order: null,
  });
  expect(restored?.basis?.memory).toMatchObject({ generation: before?.memory.generation });

  await expect.poll(async () => (await fabric.snapshot())?.memory.order, PATIENCE).toBeNull();
  const generations = (await fabric.records()).flatMap(({ order }) =>
    order === null ? [] : [order.generation],
  );
  expect(generations).toEqual(generations.map((_, i) => i + 1));
  expect(fabric.applied).toEqual(generations);
});

test('killed between the snapshot and its order, it sends that order, once', async () => {
  fabric = new Fabric(server.url, `fault${run++}`);
  await fabric.allocator.pause();
  const first = await fabric.planner();
  await floor(1);
  await expect.poll(async () => (await fabric.snapshot())?.memory.order?.generation, PATIENCE).toBe(1);
  await killed(first);
  // As if it had not come to send it.
  await fabric.scale.obliterate({ force: true });
  fabric.allocator.resume();
  await fabric.planner();
  await expect.poll(async () => (await fabric.snapshot())?.memory.order, PATIENCE).toBeNull();
  expect((await fabric.snapshot())?.memory).toMatchObject({ generation: 1, desired: { decode: 1 } });
  expect(fabric.applied).toEqual([1]);
});

test('Redis killed and started again: the planner goes on under the same generation', async () => {
  fabric = new Fabric(server.url, `fault${run++}`);
  await fabric.planner();
  await WAYS.steady();
  const before = await fabric.snapshot();
  process.kill(server.pid, 'SIGKILL');
  await server.restart();
  await expect
    .poll(async () => ((await fabric.snapshot())?.atMs ?? 0) > (before?.atMs ?? 0) + 2000, PATIENCE)
    .toBe(true);
  await reaches('steady');
  expect((await fabric.snapshot())?.memory).toMatchObject({
    generation: 1,
    desired: { decode: 1 },
    order: null,
  });
});
