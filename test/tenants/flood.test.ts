import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freshEpoch, priorityOf } from '../../src/admission/deadline.js';
import { orderOf } from '../../src/admission/fairness.js';
import { defaultConfig } from '../../src/config/load.js';
import { SimCore } from '../../src/engines/sim/core.js';
import type { SimRequest } from '../../src/engines/sim/types.js';
import { loadProfile } from '../../src/profile/load.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { exponential, seededRandom } from '../../src/simulator/workload/random.js';
import { takeTurn } from '../../src/tenants/fair-share.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const keys = new Keys('flood');
const pool = defaultConfig().pools.medium!;
const QUEUE = '{flood:medium}:medium.decode:prioritized';
const NOW = 1_700_000_000_000;
const SCALE = { epochMs: freshEpoch(20, NOW), resolutionMs: 20 };
const [ISL, OSL] = [400, 120];

interface Asked extends SimRequest {
  tenant: string;
  atMs: number;
}
interface Source {
  tenant: string;
  perSecond: number;
  keys: number;
}

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

/**
 * A pool with one engine of the profile in virtual time behind the pool's real order in Redis. @returns the times to first token of
 * each tenant in ms, and completed requests a second over the last half.
 */
async function run(sources: readonly Source[], seconds: number) {
  await redis.flushall();
  const random = seededRandom(7);
  const arrivals = sources
    .flatMap(({ tenant, perSecond, keys: many }) => {
      const times: { tenant: string; key: string; atMs: number; osl: number }[] = [];
      for (let at = 0; at < seconds * 1000; ) {
        at += exponential(random, 1000 / perSecond);
        const osl = Math.ceil(exponential(random, OSL));
        times.push({ tenant, key: `k${times.length % many}`, atMs: at, osl });
      }
      return times;
    })
    .sort((a, b) => a.atMs - b.atMs);
  const core = new SimCore<Asked>({
    profile: loadProfile('llama-3.1-8b-fp8-h100'),
    tp: 1,
    gpuMemoryUtilization: 0.9,
    maxSequences: 64,
    maxBatchedTokens: 2048,
    coldStartMs: 0,
    tokenEvents: 'ends',
  });
  core.start(0);
  const waiting = new Map<string, Asked>();
  const ttft: Record<string, number[]> = {};
  let done = 0;
  let next = 0;
  for (let now = 0; now < seconds * 1000; ) {
    while (core.room(ISL + OSL) > 0 && waiting.size > 0) {
      const [id = ''] = await redis.zpopmin(QUEUE);
      core.submit(waiting.get(id)!, now);
      waiting.delete(id);
    }
    const event = core.nextEventAt() ?? Number.POSITIVE_INFINITY;
    const arrival = arrivals[next]?.atMs ?? Number.POSITIVE_INFINITY;
    now = Math.max(now, Math.min(event, arrival));
    for (const { type, request, atMs } of core.advance(now)) {
      if (type === 'finished' && atMs > seconds * 500) done++;
      if (type !== 'token') continue;
      ttft[request.tenant] ??= [];
      ttft[request.tenant]?.push(atMs - request.atMs);
    }
    for (; (arrivals[next]?.atMs ?? Number.POSITIVE_INFINITY) <= now; next++) {
      const { tenant, key, atMs, osl } = arrivals[next]!;
      const acceptedAtMs = NOW + Math.floor(atMs);
      const request = { isl: ISL, maxTokens: osl, acceptedAtMs, owner: { tenant, key } };
      const share = await takeTurn(redis, keys, pool, request, SCALE);
      const order = orderOf({ acceptedAtMs, deadlineMs: acceptedAtMs + 1000, share });
      const id = String(next);
      waiting.set(id, { isl: ISL, maxTokens: osl, emitted: 0, phase: 'whole', hashes: [], tenant, atMs });
      await redis.zadd(QUEUE, priorityOf(order, SCALE) * 2 ** 32 + next, id);
    }
  }
  return { ttft, perSecond: done / (seconds / 2) };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

it("a tenant's median wait grows by at most a fifth when another floods the level with one key or twenty", async () => {
  const { perSecond: capacity } = await run([{ tenant: 'other', perSecond: 500, keys: 1 }], 10);
  const medianOf = async (perSecond: number, many: number) => {
    const calm = { tenant: 'calm', perSecond: capacity * 0.2, keys: 1 };
    const { ttft } = await run([calm, { tenant: 'other', perSecond, keys: many }], 90);
    return { calm: median(ttft.calm ?? []), other: median(ttft.other ?? []) };
  };
  // The other asks for what the pool has left, so that the pool is just busy; then for twice the pool.
  const busy = await medianOf(capacity * 0.8, 1);
  for (const many of [1, 20]) {
    const flooded = await medianOf(capacity * 2, many);
    expect(flooded.other).toBeGreaterThan(10_000);
    expect(
      flooded.calm / busy.calm,
      `${many} keys: ${flooded.calm} ms after ${busy.calm}`,
    ).toBeLessThanOrEqual(1.2);
  }
});
