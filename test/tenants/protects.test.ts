import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isExcess } from '../../src/admission/reserve.js';
import { connect } from '../../src/queues/connection.js';
import { KeptRoom } from '../../src/scheduler/worker/kept-room.js';
import type { Run } from '../../src/scheduler/worker/run.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let redis: Redis;
beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const PLACES = 32;
const CROWDED_MS = 5_000;

function runOf(tenant: string, excess: boolean): Run {
  const share = { startMs: 0, era: 1, tenantMs: 1, keyMs: 1, cost: 1, excess, contended: true };
  const owner = { tenant, key: 'k' };
  return { request: { owner, share }, firstTokenAtMs: 1 } as unknown as Run;
}

it('a tenant with no more than its part of the places stands aside for no flood, though it comes in bursts', () => {
  let now = 1_000_000;
  const queue = { toKey: (type: string) => type };
  const log = (said: string) => expect(said).toBe('');
  const kept = new KeptRoom({ workerId: 'w', redis, now: () => now, log }, queue, () => {});
  const runs = new Map<string, Run>();
  const take = (run: Run, starved = false) => {
    kept.took(run.request, starved);
    runs.set(String(runs.size), run);
    kept.of(PLACES - runs.size, PLACES - runs.size, runs);
  };
  for (let k = 0; k < 4; k++) take(runOf('calm', k > 1));
  const [calm, flood] = [runOf('calm', true).request, runOf('flood', true).request];
  expect(isExcess(calm)).toBe(true);
  // Nobody crowds the pool: what is late stands aside.
  kept.took(flood, true);
  now += CROWDED_MS + 1;
  expect(kept.protects(calm)).toBe(false);
  for (let k = 0; k < 20; k++) take(runOf('flood', true));
  expect(kept.protects(calm)).toBe(true);
  expect(kept.protects(flood)).toBe(false);
  now += CROWDED_MS + 1;
  expect(kept.protects(calm)).toBe(false);
});
