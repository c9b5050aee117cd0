import { Queue, UnrecoverableError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { scaleCommand } from '../../../src/cli/scale.js';
import { type TransitionRecord, transitionSchema } from '../../../src/contract/transition.js';
import { connect } from '../../../src/queues/connection.js';
import { Keys } from '../../../src/queues/keys.js';
import { PlannerLoop } from '../../../src/scheduler/planner-loop/loop.js';
import { Outbox } from '../../../src/scheduler/planner-loop/outbox.js';
import { restorePlanner } from '../../../src/scheduler/planner-loop/restore.js';
import { roundTimes } from '../../../src/scheduler/planner-loop/round-time.js';
import { snapshotSchema } from '../../../src/scheduler/planner-loop/snapshot.js';
import { PlannerStore } from '../../../src/scheduler/planner-loop/store.js';
import { facts, mindOf, observation, policy } from '../../planning/support.js';
import { startTestRedis, type TestRedis } from '../../support/redis.js';

const keys = new Keys('loop');
let server: TestRedis;
let redis: Redis;
let scale: Queue;
let now: number;
let logged: string[];
const connections: Redis[] = [];
const loops: PlannerLoop[] = [];

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
});
beforeEach(() => {
  now = Date.now();
  logged = [];
  scale = new Queue(keys.scaleQueue, { connection: redis, prefix: keys.gpuPrefix() });
});
afterEach(async () => {
  for (const loop of loops.splice(0)) await loop.stop();
  await scale.close();
  await redis.flushall();
});
afterAll(async () => {
  for (const connection of connections) connection.disconnect();
  redis.disconnect();
  await server.stop();
});

/** A loop over real Redis whose pool is seen as `seen` tells; ticked by hand, `now` its clock. */
function planner(
  seen: () => Parameters<typeof observation>[0],
  id = 'a',
  kept = 1000,
  timed?: (seconds: number) => void,
): PlannerLoop {
  const connection = connect(server.url, 'plain');
  connections.push(connection);
  const log = pino({ level: 'info' }, { write: (line: string) => void logged.push(JSON.parse(line).msg) });
  const store = new PlannerStore(connection, keys, 'p', id, 3000, {
    transitions: kept,
    decisions: kept,
    hours: 1,
  });
  const outbox = new Outbox(connection, keys, 2);
  const loop = new PlannerLoop({
    policy: policy({ minWorkers: 1 }),
    store,
    outbox,
    observe: async (at) => observation({ at, ...seen() }),
    restore: async (at) => ({
      ...(await restorePlanner('p', { redis: connection, keys, store, outbox, log }, at)),
      mind: mindOf(facts),
    }),
    beat: async ({ state }, at) => {
      const beat = { role: 'planner', id, pool: 'p', state, atMs: at };
      await connection.hset(keys.roles(), 'planner-p', JSON.stringify(beat));
    },
    clock: () => now,
    timed,
    log,
  });
  loops.push(loop);
  return loop;
}

async function turns(loop: PlannerLoop, count = 1): Promise<void> {
  for (let i = 0; i < count; i++) {
    now += 1000;
    await loop.turn();
  }
}

async function records(): Promise<TransitionRecord[]> {
  const entries = await redis.xrange(keys.transitions('p'), '-', '+');
  return entries.map(([, [field, text]]) => {
    expect(field).toBe('record');
    return transitionSchema.parse(JSON.parse(text ?? ''));
  });
}

async function snapshot() {
  return snapshotSchema.parse(JSON.parse((await redis.get(keys.plannerSnapshot('p'))) ?? ''));
}

const grant = (generation: number, decode = 1) => ({
  generation,
  prefill: 0,
  decode,
  shortage: 'none' as const,
});

test('a decision is persisted, published and sent, once', async () => {
  const loop = planner(() => ({}));
  await turns(loop, 4);
  expect(await snapshot()).toMatchObject({
    state: 'scaleUp',
    memory: { generation: 1, desired: { decode: 1 } },
  });
  expect(await records()).toMatchObject([
    { sequence: 1, from: 'idle', to: 'scaleUp', order: { generation: 1 } },
  ]);
  const jobs = await scale.getJobs();
  expect(jobs.map((job) => [job.id, job.data.decode, job.opts.priority])).toEqual([['p-1', 1, 2]]);
});

test('each round is timed, into a histogram of this planner', async () => {
  const registry = new Registry();
  const loop = planner(() => ({}), 'a', 1000, roundTimes(registry, 'p'));
  await turns(loop, 3);
  const text = await registry.metrics();
  expect(text).toContain('sluice_planner_round_duration_seconds_count{pool="p"} 3');
  const sum = Number(/sluice_planner_round_duration_seconds_sum\{pool="p"\} (\S+)/.exec(text)?.[1]);
  expect(sum).toBeGreaterThan(0);
  expect(sum).toBeLessThan(30);
});

test('a confirmed order is not sent again, and the state goes on when its workers are ready', async () => {
  let ready = 0;
  let answer: ReturnType<typeof grant> | null = null;
  const loop = planner(() => ({ ready, grant: answer }));
  await turns(loop, 2);
  answer = grant(1);
  await scale.obliterate({ force: true });
  await turns(loop, 2);
  expect((await snapshot()).memory.order).toBeNull();
  expect(await scale.getJobCountByTypes('prioritized', 'waiting')).toBe(0);
  ready = 1;
  await turns(loop);
  expect(loop.state).toBe('steady');
});

test('a restart goes on from the snapshot and sends the unanswered order again under its generation', async () => {
  await turns(
    planner(() => ({})),
    2,
  );
  await scale.obliterate({ force: true });
  await redis.del(keys.plannerLock('p'));
  const second = planner(() => ({}), 'b');
  await turns(second);
  expect(second.state).toBe('scaleUp');
  expect((await scale.getJobs()).map(({ id }) => id)).toEqual(['p-1']);
  expect((await records()).at(-1)).toMatchObject({
    sequence: 2,
    event: 'RESTORED',
    from: 'scaleUp',
    to: 'scaleUp',
  });
});

test('an unusable snapshot is set aside, and the plan taken from the ledger above its generation', async () => {
  await redis.set(keys.plannerSnapshot('p'), '{"version":1,"state":"happy"}');
  const order = { pool: 'p', generation: 7, prefill: 0, decode: 3, reason: 'r', observationId: 'o' };
  await redis.hset(keys.gpu('desired'), 'p', JSON.stringify(order));
  const loop = planner(() => ({ ready: 3, kvUsage: 0.7, running: 1, grant: grant(7, 3) }));
  await turns(loop);
  expect(logged.some((line) => /snapshot cannot be used .*set aside/.test(line))).toBe(true);
  expect(await redis.lrange(keys.plannerSetAside('p'), 0, -1)).toEqual(['{"version":1,"state":"happy"}']);
  // 3 workers at 0.7 over 0.5: 4.2, so 4 fit the budget.
  expect((await records()).at(-1)).toMatchObject({ order: { generation: 8, decode: 4 } });
});

test('a lost snapshot does not lower the generation, even of orders that nobody has applied', async () => {
  await turns(
    planner(() => ({})),
    2,
  );
  await redis.del(keys.plannerSnapshot('p'), keys.plannerLock('p'));
  const second = planner(() => ({}), 'b');
  await turns(second, 2);
  const { memory, sequence } = await snapshot();
  expect(memory.generation).toBeGreaterThan(1);
  expect(memory.desired.decode).toBe(1);
  expect(sequence).toBeGreaterThan(1);
  expect(new Set((await records()).map((record) => record.sequence)).size).toBe((await records()).length);
});

test('a snapshot behind the ledger takes the ledger over', async () => {
  await turns(
    planner(() => ({})),
    2,
  );
  const order = { pool: 'p', generation: 9, prefill: 0, decode: 2, reason: 'r', observationId: 'o' };
  await redis.hset(keys.gpu('desired'), 'p', JSON.stringify(order));
  await redis.del(keys.plannerLock('p'));
  await turns(planner(() => ({ ready: 2, grant: grant(9, 2), running: 1 }), 'b'));
  expect((await snapshot()).memory).toMatchObject({ generation: 9, desired: { decode: 2 }, order: null });
});

test('one planner acts, the other waits and takes over when the first ends', async () => {
  const first = planner(() => ({}));
  const second = planner(() => ({}), 'b');
  await turns(first);
  await turns(second, 3);
  expect([first.state, second.state]).toEqual(['scaleUp', null]);
  await first.stop();
  await turns(second);
  expect(second.state).toBe('scaleUp');
});

test.each([
  ['acts', false],
  ['has ended', true],
])('a planner that was paused while another took over writes nothing: the other %s', async (_, ends) => {
  const first = planner(() => ({}));
  const second = planner(() => ({}), 'b');
  await turns(first);
  await redis.del(keys.plannerLock('p')); // its time to live is over
  await turns(second);
  if (ends) await second.stop();
  const before = await redis.get(keys.plannerSnapshot('p'));
  await redis.rpush(keys.operator('p'), '{"type":"pause"}');
  await turns(first);
  expect(first.state).toBeNull();
  expect(await redis.get(keys.plannerSnapshot('p'))).toBe(before);
  expect(await redis.llen(keys.operator('p'))).toBe(1);
  if (!ends) return;
  await turns(first);
  expect(first.state).toBe('paused');
});

test('a planner whose right ran out while nobody took it goes on', async () => {
  const loop = planner(() => ({}));
  await turns(loop);
  await redis.del(keys.plannerLock('p'));
  await turns(loop);
  expect(loop.state).toBe('scaleUp');
  expect(await redis.get(keys.plannerLock('p'))).toBe('a');
  expect(logged.filter((line) => /planner acts/.test(line))).toHaveLength(1);
});

test('an order that fails for good degrades the planner, which orders again under a new generation', async () => {
  const refusing = new Worker(
    keys.scaleQueue,
    async () => {
      throw new UnrecoverableError('invalid_job: refused');
    },
    { connection: connect(server.url, 'worker'), prefix: keys.gpuPrefix() },
  );
  const loop = planner(() => ({}));
  try {
    await turns(loop);
    await expect.poll(() => scale.getFailedCount(), { timeout: 20_000 }).toBe(1);
  } finally {
    await refusing.close();
  }
  await turns(loop);
  expect(loop.state).toBe('degraded');
  expect((await records()).at(-1)).toMatchObject({ event: 'ORDER_FAILED', reason: /refused/ });
  await turns(loop, 2);
  expect((await snapshot()).memory.order).toMatchObject({ generation: 2, decode: 1 });
});

test('Redis frozen: held without a word more, and gone on where it was', async () => {
  let ready = 0;
  const loop = planner(() => ({ ready, running: 1, grant: ready > 0 ? grant(1) : null }));
  await turns(loop, 2);
  process.kill(server.pid, 'SIGSTOP');
  const held: Promise<void>[] = [];
  try {
    for (let i = 0; i < 12; i++) {
      now += 1000;
      held.push(loop.turn());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(loop.state).toBe('degraded');
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  await Promise.all(held);
  expect(logged.filter((line) => /no answer from Redis/.test(line))).toHaveLength(1);
  ready = 1;
  await turns(loop, 3);
  expect(loop.state).toBe('steady');
  expect((await records()).map(({ to }) => to)).toContain('degraded');
  expect((await snapshot()).memory.generation).toBe(1);
});

test('operator commands are taken in order, each once; one that cannot be read is dropped', async () => {
  const loop = planner(() => ({ ready: 1, running: 1, grant: grant(1) }));
  await turns(loop, 2);
  await redis.rpush(keys.operator('p'), '{"type":"floor","min":2}', 'nonsense', '{"type":"pause"}');
  await turns(loop);
  expect(await snapshot()).toMatchObject({ state: 'paused', memory: { floor: 2 } });
  expect(await redis.llen(keys.operator('p'))).toBe(0);
  expect(logged.some((line) => /dropped an operator command/.test(line))).toBe(true);
});

test('the transition stream keeps about as many as told', async () => {
  const loop = planner(() => ({ ready: 1, running: 1, grant: grant(1) }), 'a', 10);
  for (let i = 0; i < 300; i++) {
    await redis.rpush(keys.operator('p'), i % 2 === 0 ? '{"type":"pause"}' : '{"type":"resume"}');
    await turns(loop);
  }
  expect(await redis.xlen(keys.transitions('p'))).toBeLessThan(150);
});

test('`sluice scale` waits until the planner has taken its command', async () => {
  const loop = planner(() => ({ ready: 1, running: 1, grant: grant(1) }));
  await turns(loop, 2);
  let said = '';
  const command = scaleCommand(
    { redisUrl: server.url, namespace: 'loop', pool: 'p', pause: true },
    (text) => {
      said = text;
    },
  );
  await expect.poll(() => redis.llen(keys.operator('p')), { timeout: 20_000 }).toBe(1);
  expect(said).toBe('');
  await turns(loop);
  await command;
  expect([said, loop.state]).toEqual(['p: paused; it orders nothing until `--resume`', 'paused']);
});

test('`sluice scale` says what is wrong: nothing asked, unknown pool, a planner that does not answer', async () => {
  const base = { redisUrl: server.url, namespace: 'loop', timeoutMs: 200 };
  await expect(scaleCommand({ ...base, pool: 'p' })).rejects.toMatchObject({ code: 'invalid_request' });
  await expect(scaleCommand({ ...base, pool: 'p', min: 1.5 })).rejects.toMatchObject({
    code: 'invalid_request',
  });
  await expect(scaleCommand({ ...base, pool: 'p', pause: true })).rejects.toMatchObject({
    code: 'not_found',
    message: /no planner runs here/,
  });
  await turns(planner(() => ({})));
  await expect(scaleCommand({ ...base, pool: 'q', pause: true })).rejects.toMatchObject({
    code: 'not_found',
    message: /got "q"; pools with a planner: p/,
  });
  await expect(scaleCommand({ ...base, pool: 'p', min: 0 })).rejects.toMatchObject({ code: 'not_running' });
});
