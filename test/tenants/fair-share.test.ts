import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freshEpoch, priorityOf } from '../../src/admission/deadline.js';
import { BORROWED_REQUESTS, KEPT_REQUESTS, orderOf, tokenCost } from '../../src/admission/fairness.js';
import { defaultConfig } from '../../src/config/load.js';
import type { Share } from '../../src/contract/request.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { correctTurn, frontierMs, noteBegun, takeTurn } from '../../src/tenants/fair-share.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const keys = new Keys('fair');
const pool = defaultConfig().pools.medium!;
const NOW = 1_700_000_000_000;
const scale = { epochMs: freshEpoch(1, NOW), resolutionMs: 1 };
/** Tokens of unused share that a tenant keeps. */
const KEPT = KEPT_REQUESTS * tokenCost(2000, 150);
/** Ms of the order for one token of cost. */
const PER_TOKEN = 1000 / tokenCost(2000, 150);
const JOBS = '{fair:medium}:medium.decode:';
const QUEUE = `${JOBS}prioritized`;
const RUNNING = `${JOBS}active`;

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
beforeEach(() => redis.flushall());

let counter = 0;

/** Queues a request as a gateway would, at the order's own clock, due within `windowMs`. @returns its name. */
async function add(tenant: string, key: string, isl: number, nowMs = NOW, windowMs = 1000): Promise<string> {
  const request = { isl, maxTokens: 1, acceptedAtMs: nowMs, owner: { tenant, key } };
  const share = await takeTurn(redis, keys, pool, request, scale.resolutionMs);
  const queued = { acceptedAtMs: nowMs, deadlineMs: nowMs + windowMs, share };
  const order = orderOf(queued, scale.resolutionMs);
  const name = `${tenant}/${key}/${isl}/${counter++}`;
  await redis.hset(JOBS + name, 'data', JSON.stringify(queued));
  await redis.zadd(QUEUE, priorityOf(order, scale) * 2 ** 32 + counter, name);
  return name;
}

/** The turn of a request of 2000 and 150 tokens, which is not queued. */
function turnOf(tenant: string, key: string, nowMs = NOW, charge = true): Promise<Share> {
  const request = { isl: 2000, maxTokens: 150, acceptedAtMs: nowMs, owner: { tenant, key } };
  return takeTurn(redis, keys, pool, request, scale.resolutionMs, charge);
}

/** Begins the first of the queue; it runs until `end`. */
async function serve(): Promise<{ tenant: string; key: string; cost: number } | undefined> {
  const [name] = await redis.zpopmin(QUEUE);
  if (name === undefined) return undefined;
  await redis.lpush(RUNNING, name);
  const { share } = JSON.parse((await redis.hget(JOBS + name, 'data')) ?? '{}');
  await noteBegun(redis, keys, pool.name, share);
  const [tenant = '', key = '', isl = ''] = name.split('/');
  return { tenant, key, cost: tokenCost(Number(isl), 1) };
}

/** Ends the request that began first. */
async function end(): Promise<void> {
  const name = await redis.rpop(RUNNING);
  if (name !== null) await redis.del(JOBS + name);
}

describe('the fair order of a pool', () => {
  it('is the order of arrival while nothing waits, runs or is on its way', async () => {
    for (let k = 0; k < 5; k++) {
      const acceptedAtMs = NOW + k * 2000;
      const request = { isl: 5000, maxTokens: 500, acceptedAtMs, owner: { tenant: 'a', key: 'k' } };
      expect((await takeTurn(redis, keys, pool, request, scale.resolutionMs)).startMs).toBe(acceptedAtMs);
    }
  });

  it('charges nothing for a turn that is only found, and tells of it as it is charged', async () => {
    for (let k = 0; k < 20; k++) expect((await turnOf('flood', `k${k}`, NOW, false)).excess).toBe(false);
    expect(await frontierMs(redis, keys, pool)).toBe(null);
    // Many that are charged at once before the first of them is queued owe each other what they do in a queue.
    const shares = [];
    for (let k = 0; k < 12; k++) shares.push(await turnOf('flood', 'k'));
    expect(new Set(shares.map(({ era }) => era)).size).toBe(1);
    expect(shares[11]!.startMs - shares[0]!.startMs).toBeCloseTo(
      (11 - KEPT_REQUESTS) * tokenCost(2000, 150) * PER_TOKEN,
      -2,
    );
    expect((await turnOf('flood', 'k', NOW, false)).excess).toBe(true);
    expect((await turnOf('calm', 'k', NOW, false)).excess).toBe(false);
  });

  it('stays at the clock while nothing waits, however much or little runs, and goes at its own pace while work does', async () => {
    await add('a', 'k', 2000);
    await serve();
    for (const everyMs of [20, 20_000]) {
      let nowMs = NOW;
      for (let k = 1; k <= 200; k++) {
        nowMs = NOW + k * everyMs;
        const name = await add('a', 'k', 2000, nowMs);
        const { share } = JSON.parse((await redis.hget(JOBS + name, 'data'))!);
        expect(Math.abs(share.startMs - nowMs)).toBeLessThanOrEqual(
          (BORROWED_REQUESTS + 2) * tokenCost(2000, 150) * PER_TOKEN,
        );
        await serve();
        if (k > 4) await end();
      }
      expect(Math.abs((await frontierMs(redis, keys, pool))! - nowMs)).toBeLessThanOrEqual(1000);
    }
    // A backlog that drains while nobody asks takes the order on.
    for (let k = 0; k < 40; k++) await add('a', 'k', 2000);
    const before = (await frontierMs(redis, keys, pool))!;
    for (let k = 0; k < 30; k++) await serve();
    expect((await frontierMs(redis, keys, pool))! - before).toBeGreaterThan(
      15 * tokenCost(2000, 1) * PER_TOKEN,
    );
  });

  it('puts a newcomer before the backlog of a tenant that floods, with one key or twenty', async () => {
    for (const sharers of [1, 20]) {
      await redis.flushall();
      for (let k = 0; k < 200; k++) await add('flood', `k${k % sharers}`, 1000);
      // Beyond what it had kept and may borrow.
      for (let k = 0; k < 40; k++) await serve();
      await add('calm', 'k', 1000);
      const served = [await serve(), await serve()].map((one) => one!.tenant);
      expect(served, `${sharers} keys`).toContain('calm');
    }
  });

  it.each([60_000, 4 * 3_600_000, 24 * 3_600_000])(
    'puts who comes now and then before a backlog that is due in %i ms, however long that goes on',
    async (windowMs) => {
      for (let k = 0; k < 64; k++) await add('batch', 'k', 2000, NOW, windowMs);
      for (let k = 1; k <= 40; k++) {
        const name = await add('calm', 'k', 2000, NOW + 5000 * k);
        expect(await redis.zrank(QUEUE, name), `the ${k}th`).toBe(0);
        for (let served = 0; served < 5; served++) {
          if ((await serve())!.tenant === 'batch') await add('batch', 'k', 2000, NOW + 5000 * k, windowMs);
        }
      }
    },
  );

  it('tells what is in excess by what a tenant has queued, though a fresh key of it borrows', async () => {
    const ask = (tenant: string, key: string) =>
      takeTurn(
        redis,
        keys,
        pool,
        { isl: 1000, maxTokens: 150, acceptedAtMs: NOW, owner: { tenant, key } },
        1,
      );
    for (let k = 0; k < 12; k++) await add('flood', `k${k}`, 2000);
    // What the tenant may borrow puts it first all the same.
    expect((await ask('flood', 'fresh')).excess).toBe(true);
    expect((await ask('calm', 'k')).excess).toBe(false);
  });

  it('does not let a tenant borrow anew each time that nothing waits, while what it asked for runs', async () => {
    // One place, which is never empty: what waits has left the queue when the next comes.
    for (let k = 0; k < 30; k++) {
      await add('flood', `k${k}`, 2000);
      await serve();
      if (k > 0) await end();
    }
    const shares = [];
    for (let k = 0; k < 3; k++) shares.push(await turnOf('flood', `fresh${k}`));
    expect(shares.map(({ excess }) => excess)).toEqual([true, true, true]);
    // Nor is it charged for the time in which nobody else was there.
    const calm = await turnOf('calm', 'k');
    expect(calm).toMatchObject({ excess: false, others: true });
    expect(shares[0]!.startMs - calm.startMs).toBeLessThanOrEqual(
      (2 * BORROWED_REQUESTS + 1) * tokenCost(2000, 150) * PER_TOKEN,
    );
    for (const key of ['x', 'y', 'z']) await add('flood', key, 2000);
    const name = await add('calm', 'k', 2000);
    expect(await redis.zrank(QUEUE, name)).toBe(0);
  });

  it('forgets what is owed, but not who came, when nothing runs any more', async () => {
    for (let k = 0; k < 30; k++) {
      await add('flood', `k${k}`, 2000);
      await serve();
    }
    for (let k = 0; k < 30; k++) await end();
    expect(await turnOf('calm', 'k', NOW + 5000, false)).toMatchObject({
      startMs: NOW + 5000,
      others: true,
    });
    expect(await turnOf('flood', 'k0', NOW + 5000)).toMatchObject({ startMs: NOW + 5000, excess: false });
  });

  it('shares evenly between tenants that both want their work by tomorrow', async () => {
    const dayMs = 24 * 3_600_000;
    for (let k = 0; k < 60; k++) await add('first', 'k', 1000, NOW, dayMs);
    for (let k = 0; k < 60; k++) await add('second', 'k', 1000, NOW, dayMs);
    const got: Record<string, number> = { first: 0, second: 0 };
    for (let k = 0; k < 40; k++) got[(await serve())!.tenant]!++;
    expect(Math.abs(got.first! - got.second!) * tokenCost(1000, 1)).toBeLessThanOrEqual(
      2 * tokenCost(1000, 1) + KEPT,
    );
  });

  it('shares evenly by cost between tenants that both have work, whatever the size of their requests', async () => {
    for (let k = 0; k < 100; k++) await add('small', 'k', 500);
    for (let k = 0; k < 25; k++) await add('large', 'k', 2000);
    const got: Record<string, number> = { small: 0, large: 0 };
    for (let k = 0; k < 60; k++) {
      const one = (await serve())!;
      got[one.tenant]! += one.cost;
    }
    expect(Math.abs(got.small! - got.large!)).toBeLessThanOrEqual(2 * tokenCost(2000, 1));
  });

  it('shares what a tenant has among its keys, also with one that begins when another has a backlog', async () => {
    const got: Record<string, number> = { first: 0, second: 0, third: 0 };
    for (let k = 0; k < 30; k++) await add('a', 'first', 1000);
    for (let k = 0; k < 30; k++) await add('a', 'second', 1000);
    for (let k = 0; k < 30; k++) got[(await serve())!.key]!++;
    // The first was tagged while it was alone: two of it to one of the second.
    expect(got.second).toBeGreaterThanOrEqual(6);
    await redis.flushall();
    for (let k = 0; k < 30; k++) for (const key of ['first', 'second', 'third']) await add('b', key, 1000);
    const even: Record<string, number> = { first: 0, second: 0, third: 0 };
    for (let k = 0; k < 45; k++) even[(await serve())!.key]!++;
    expect(Math.max(...Object.values(even)) - Math.min(...Object.values(even))).toBeLessThanOrEqual(3);
  });

  it('gives back what a request was charged and did not cost', async () => {
    await add('b', 'k', 100); // something waits, so that turns are counted
    const request = { isl: 1000, maxTokens: 150, acceptedAtMs: NOW, owner: { tenant: 'a', key: 'k' } };
    for (let k = 0; k < 10; k++) await takeTurn(redis, keys, pool, request, scale.resolutionMs); // nothing kept is left
    const first = await takeTurn(redis, keys, pool, request, scale.resolutionMs);
    await correctTurn(redis, keys, pool.name, request.owner, first, { isl: 0, osl: 0 });
    const second = await takeTurn(redis, keys, pool, request, scale.resolutionMs);
    expect(second.startMs).toBe(first.startMs);
    const third = await takeTurn(redis, keys, pool, request, scale.resolutionMs);
    expect(third.startMs - second.startMs).toBeCloseTo(tokenCost(1000, 150) * PER_TOKEN, -1);
  });

  it.each([
    [1, 0, 2 * tokenCost(3000, 1) + KEPT + BORROWED_REQUESTS * tokenCost(2000, 150)],
    [1, 4, 2 * tokenCost(3000, 1) + KEPT + BORROWED_REQUESTS * tokenCost(2000, 150)],
    [5, 4, 2 * tokenCost(3000, 1) + KEPT + 2 * BORROWED_REQUESTS * tokenCost(2000, 150)],
  ])(
    'keeps the gap between tenants with work waiting within its bound, with %i keys each and up to %i running',
    async (many, places, bound) => {
      const step = fc.oneof(
        fc.record({
          add: fc.constantFrom('a', 'b', 'c'),
          key: fc.integer({ min: 0, max: many - 1 }),
          isl: fc.integer({ min: 10, max: 3000 }),
        }),
        fc.constant('serve' as const),
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 120 }), async (steps) => {
          await redis.flushall();
          const waiting: Record<string, number> = { a: 0, b: 0, c: 0 };
          const history: { tenant: string; cost: number; both: Set<string> }[] = [];
          let atMs = NOW;
          for (const one of steps) {
            atMs += 7;
            if (one !== 'serve') {
              await add(one.add, `k${one.key}`, one.isl, atMs);
              waiting[one.add]!++;
              continue;
            }
            const busy = new Set(Object.keys(waiting).filter((tenant) => waiting[tenant]! > 0));
            const served = await serve();
            if (served === undefined || (await redis.llen(RUNNING)) > places) await end();
            if (served === undefined) continue;
            waiting[served.tenant]!--;
            history.push({ tenant: served.tenant, cost: served.cost, both: busy });
          }
          for (const [x, y] of [
            ['a', 'b'],
            ['a', 'c'],
            ['b', 'c'],
          ] as const) {
            // In each stretch in which both had work waiting all along.
            for (let from = 0; from < history.length; from++) {
              let gap = 0;
              for (let at = from; at < history.length; at++) {
                const { tenant, cost, both } = history[at]!;
                if (!both.has(x) || !both.has(y)) break;
                if (tenant === x) gap += cost;
                if (tenant === y) gap -= cost;
                expect(Math.abs(gap)).toBeLessThanOrEqual(bound);
              }
            }
          }
        }),
        { numRuns: 25 },
      );
    },
  );
});
