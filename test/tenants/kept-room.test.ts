import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { createKey } from '../../src/tenants/key-store.js';
import { gatewayConfig, openGateway, post } from '../gateway/support.js';
import { HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

/** A worker keeps a sixteenth of its places. */
const [SLOTS, KEPT] = [32, 2];
/** More than the share that a tenant has kept and may borrow, which stands before that of others. */
const WITHIN = 100;
const OSL = 200;
/** What was to be taken is taken by then. */
const SETTLED_MS = 300;

const config = gatewayConfig(({ gateway, pools }) => {
  gateway.auth = 'keys';
  for (const pool of Object.values(pools)) {
    pool.admission.policy = 'queue';
    pool.overload.policy = 'edf';
  }
});
const keys = new Keys(config.namespace);
let server: TestRedis;
let redis: Redis;
let gateway: Gateway;
let engines: HandEngine[];
let workers: TestWorker[];

beforeEach(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  gateway = await openGateway(server.url, config);
  engines = [];
  ended.clear();
  workers = [];
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await gateway.close();
  redis.disconnect();
  await server.stop();
});

async function startWorkers(count: number): Promise<void> {
  for (let k = 0; k < count; k++) {
    const engine = new HandEngine(SLOTS);
    engines.push(engine);
    workers.push(await startPoolWorker(server.url, config, 'medium', engine, `w${k}`));
  }
}

async function tenant(name: string, many = 1) {
  const limits = { operator: false, requestsPerMinute: null, tokensPerMinute: null, concurrent: null };
  const fields = { name: '', maxLevel: null, beyond: 'refuse' as const, budget: null, ...limits };
  const texts: string[] = [];
  for (let k = 0; k < many; k++)
    texts.push((await createKey(redis, keys, { tenant: name, ...fields }, Date.now())).text);
  let asked = 0;
  return async (): Promise<string> => {
    const body = {
      messages: [{ role: 'user', content: 'hello' }],
      max_tokens: OSL,
      slo_level: 'medium',
      deadline_ms: 600_000,
    };
    const authorization = `Bearer ${texts[asked++ % many]}`;
    const answer = await post(`${gateway.url}/v1/requests`, body, { authorization });
    expect(answer.status).toBe(202);
    return ((await answer.json()) as { id: string }).id;
  };
}

/** Ids of those that the engines were given, in their order. */
function taken(): string[] {
  return engines.flatMap(({ seen }) => seen.map(({ id }) => id));
}

function running(): number {
  return engines.reduce((sum, engine) => sum + engine.load().runningSequences, 0);
}

const ended = new Set<string>();

/** Those that run, of all engines or of one. */
function runningIds(of = engines): string[] {
  return of.flatMap(({ seen }) => seen.map(({ id }) => id)).filter((id) => !ended.has(id));
}

/** Gives a request its first token, or lets it run to its end. */
function allow(id: string, tokens: number): void {
  if (tokens === OSL) ended.add(id);
  for (const engine of engines) if (engine.seen.some((one) => one.id === id)) engine.allow(id, tokens);
}

async function isTaken(id: string): Promise<void> {
  await until(
    () => taken().includes(id),
    () => `${id} in an engine; ${running()} run`,
  );
}

describe.each([
  { many: 1, count: 1 },
  { many: 20, count: 1 },
  { many: 20, count: 2 },
])('a pool of $count workers flooded by a tenant with $many keys', ({ many, count }) => {
  it('takes what another tenant asks for without waiting for a place, and never stops the flood', async () => {
    await startWorkers(count);
    const places = SLOTS * count;
    const flood = await tenant('flood', many);
    const calm = await tenant('calm');
    const floods: string[] = [];
    for (let k = 0; k < WITHIN + places + 60; k++) floods.push(await flood());
    await until(() => running() >= places, 'all places full');

    // Nobody else is there: each place that falls free goes to the flood.
    for (let end = 0; end < WITHIN; end++) {
      allow(runningIds(engines.slice(end % count))[0] ?? '', OSL);
      const next = places + end + 1;
      await until(
        () => taken().length >= next,
        () => `request ${next} in an engine, ${running()} of ${places} run`,
      );
    }

    // The first of the other tenant waits for a place.
    const calms = [await calm()];
    await sleep(SETTLED_MS);
    expect(taken()).not.toContain(calms[0]);
    allow(runningIds()[0] ?? '', OSL);
    await isTaken(calms[0] ?? '');
    allow(calms[0] ?? '', OSL);
    await sleep(SETTLED_MS);
    for (const id of runningIds()) allow(id, 1);

    // One excess prompt a worker is taken into the places that are kept; the next waits for its first token.
    const before = taken().length;
    for (const engine of engines)
      for (const id of runningIds([engine]).slice(SLOTS - KEPT - 1)) allow(id, OSL);
    await until(
      () => taken().length === before + count,
      () => `one excess prompt each: ${taken().length - before}`,
    );
    await sleep(SETTLED_MS);
    expect([taken().length, running()]).toEqual([before + count, places - KEPT * count]);

    // So what the other tenant asks for now is taken though nothing ends, two for each worker.
    for (let k = 0; k < KEPT * count; k++) {
      const id = await calm();
      calms.push(id);
      await isTaken(id);
    }
    expect(taken().filter((id) => floods.includes(id)).length).toBe(before + count - 1);

    // The flood goes on, and all of it ends.
    const timer = setInterval(() => {
      for (const id of runningIds()) allow(id, OSL);
    }, 10);
    const asked = [...floods, ...calms];
    await until(
      () => taken().length === asked.length && running() === 0,
      () => `${taken().length} of ${asked.length} taken, ${running()} run`,
    ).finally(() => clearInterval(timer));
    expect([...new Set(taken())].sort()).toEqual(asked.sort());
  });
});
