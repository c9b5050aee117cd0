import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freshEpoch, priorityOf } from '../../src/admission/deadline.js';
import { orderOf } from '../../src/admission/fairness.js';
import { Holdings } from '../../src/admission/holdings.js';
import { goesAhead, isExcess, Reserve, roomForExcess } from '../../src/admission/reserve.js';
import { defaultConfig } from '../../src/config/load.js';
import type { Share } from '../../src/contract/request.js';
import { SimCore } from '../../src/engines/sim/core.js';
import type { SimRequest } from '../../src/engines/sim/types.js';
import { loadProfile } from '../../src/profile/load.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { exponential, seededRandom } from '../../src/simulator/workload/random.js';
import { noteBegun, takeTurn } from '../../src/tenants/fair-share.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const keys = new Keys('flood');
const pool = defaultConfig().pools.medium!;
const JOBS = '{flood:medium}:medium.decode:';
const QUEUE = `${JOBS}prioritized`;
const RUNNING = `${JOBS}active`;
const NOW = 1_700_000_000_000;
const SCALE = { epochMs: freshEpoch(20, NOW), resolutionMs: 20 };

/** Means, tokens: of prompts that are all alike, and of exponential answers. */
interface Lengths {
  isl: number;
  osl: number;
}
interface Asked extends SimRequest {
  id: string;
  tenant: string;
  atMs: number;
  share: Share;
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
 * A pool with one engine of the profile in virtual time behind the pool's real order in Redis. @param keeps whether its worker keeps
 * room for those within their share @returns of each tenant the waits in the queue and the times to first token, ms, and completed
 * requests a second over the last half.
 */
async function run(
  { isl, osl: meanOsl }: Lengths,
  sources: readonly Source[],
  seconds: number,
  keeps = true,
) {
  await redis.flushall();
  const random = seededRandom(7);
  const arrivals = sources
    .flatMap(({ tenant, perSecond, keys: many }) => {
      const times: { tenant: string; key: string; atMs: number; osl: number }[] = [];
      for (let at = 0; at < seconds * 1000; ) {
        at += exponential(random, 1000 / perSecond);
        const osl = Math.ceil(exponential(random, meanOsl));
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
  const wait: Record<string, number[]> = {};
  const ttft: Record<string, number[]> = {};
  const reserve = new Reserve();
  const holdings = new Holdings();
  const held = new Set<Asked>();
  const unbegun = new Set<Asked>();
  let done = 0;
  let next = 0;
  for (let now = 0; now < seconds * 1000; ) {
    while (core.room(isl + meanOsl) > 0 && waiting.size > 0) {
      const [id = ''] = await redis.zrange(QUEUE, '0', '0');
      const request = waiting.get(id)!;
      const free = core.places(isl + meanOsl);
      holdings.update(countByTenant(held), free + held.size, now);
      const { within, due } = holdings;
      const work = {
        room: core.room(isl + meanOsl),
        free,
        held: held.size,
        unbegun: unbegun.size,
        within,
        due,
      };
      const kept = keeps && reserve.isOn(now) && roomForExcess(work) === 0;
      if (kept && isExcess(request)) break;
      await redis.zrem(QUEUE, id);
      await redis.lpush(RUNNING, id);
      await noteBegun(redis, keys, pool.name, request.share);
      core.submit(request, now);
      waiting.delete(id);
      held.add(request);
      holdings.came(request.tenant, now);
      add(wait, request.tenant, now - request.atMs);
      if (!isExcess(request)) continue;
      unbegun.add(request);
      reserve.tookExcess(now);
    }
    const event = core.nextEventAt() ?? Number.POSITIVE_INFINITY;
    const arrival = arrivals[next]?.atMs ?? Number.POSITIVE_INFINITY;
    now = Math.max(now, Math.min(event, arrival));
    for (const { type, request, atMs } of core.advance(now)) {
      if (type === 'finished' && atMs > seconds * 500) done++;
      if (type === 'finished') {
        held.delete(request);
        await redis.lrem(RUNNING, 1, request.id);
      }
      if (type !== 'token') continue;
      unbegun.delete(request);
      add(ttft, request.tenant, atMs - request.atMs);
    }
    for (; (arrivals[next]?.atMs ?? Number.POSITIVE_INFINITY) <= now; next++) {
      const { tenant, key, atMs, osl } = arrivals[next]!;
      const acceptedAtMs = NOW + Math.floor(atMs);
      const request = { isl, maxTokens: osl, acceptedAtMs, owner: { tenant, key } };
      const share = await takeTurn(redis, keys, pool, request, SCALE.resolutionMs);
      const queued = { acceptedAtMs, deadlineMs: acceptedAtMs + 1000, share };
      const order = orderOf(queued, SCALE.resolutionMs);
      const id = String(next);
      if (goesAhead({ share })) reserve.heardWithin(now);
      waiting.set(id, {
        id,
        isl,
        maxTokens: osl,
        emitted: 0,
        phase: 'whole',
        hashes: [],
        tenant,
        atMs,
        share,
      });
      await redis.zadd(QUEUE, priorityOf(order, SCALE) * 2 ** 32 + next, id);
    }
  }
  return { wait, ttft, perSecond: done / (seconds / 2) };
}

function countByTenant(held: Iterable<Asked>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { tenant } of held) counts.set(tenant, (counts.get(tenant) ?? 0) + 1);
  return counts;
}

function add(to: Record<string, number[]>, tenant: string, value: number): void {
  to[tenant] ??= [];
  to[tenant].push(value);
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

it.each([
  { isl: 400, osl: 120 },
  { isl: 1000, osl: 200 },
])(
  "keeps a tenant's median wait at what it is without a flood, of one key or of twenty, for a thirtieth of the pool: $isl and $osl tokens",
  async (lengths) => {
    const { perSecond: capacity } = await run(lengths, [{ tenant: 'other', perSecond: 500, keys: 1 }], 10);
    const calm = { tenant: 'calm', perSecond: capacity * 0.2, keys: 1 };
    const other = { tenant: 'other', perSecond: capacity * 2, keys: 1 };
    const of = ({ wait, ttft }: Awaited<ReturnType<typeof run>>) => ({
      wait: median(wait.calm ?? []),
      ttft: median(ttft.calm ?? []),
    });
    const alone = of(await run(lengths, [calm], 60));
    // The other asks for what the pool has left, so that the pool is just busy; then for twice the pool.
    const busy = of(await run(lengths, [calm, { ...other, perSecond: capacity * 0.8 }], 60));
    const unkept = await run(lengths, [calm, other], 60, false);
    expect(of(unkept).wait).toBeGreaterThan(10);
    for (const many of [1, 20]) {
      const flooded = await run(lengths, [calm, { ...other, keys: many }], 60);
      const { wait, ttft } = of(flooded);
      expect(median(flooded.ttft.other ?? [])).toBeGreaterThan(10_000);
      expect(wait, `${many} keys: ${wait} ms, alone ${alone.wait}`).toBeLessThanOrEqual(alone.wait * 1.2 + 1);
      expect(ttft / busy.ttft, `${many} keys: ${ttft} ms after ${busy.ttft}`).toBeLessThanOrEqual(1.2);
      expect(flooded.perSecond / unkept.perSecond).toBeGreaterThan(29 / 30);
    }
  },
  120_000,
);
