import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { promise, redeem } from '../../src/tenants/promises.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const keys = new Keys('promises');
const NOW = 1_700_000_000_000;
/** Requests that the pool takes a second: 15 of them are promised of each, by windows of half a second 7. */
const PER_SECOND = 20;
const WINDOW = 7;

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

const of = (tenant: string, digest = tenant) => ({ pool: 'p', tenant, digest });
const ask = (tenant: string, digest = tenant) => promise(redis, keys, of(tenant, digest), NOW, 0, PER_SECOND);
async function promises(tenant: string, count: number): Promise<number[]> {
  const seconds: number[] = [];
  for (let k = 0; k < count; k++) seconds.push(await ask(tenant));
  return seconds;
}

describe('promises to refused clients', () => {
  it('come one after the other, as many about a moment as the pool takes', async () => {
    const seconds = await promises('flood', 5 * WINDOW);
    expect(seconds).toEqual(Array.from({ length: 5 * WINDOW }, (_, k) => 1 + Math.floor(k / WINDOW)));
  });

  it('to one tenant stand behind the parts of others, not behind what they have beyond', async () => {
    await promises('flood', 60 * WINDOW);
    // Half of each moment is another's.
    const half = Math.floor(WINDOW / 2);
    expect(await promises('calm', half + 1)).toEqual([...Array.from({ length: half }, () => 1), 2]);
    // The flood goes on behind what it has.
    expect((await promises('flood', 1))[0]).toBe(61);
    expect((await redeem(redis, keys, of('calm'), NOW, 0)).outstanding).toBe(2 * (half + 1));
    expect((await redeem(redis, keys, of('flood'), NOW, 0)).outstanding).toBe(60 * WINDOW + half + 2);
  });

  it('are kept once, at their time, and give their moment back', async () => {
    expect(await promises('a', WINDOW + 1)).toEqual([...Array.from({ length: WINDOW }, () => 1), 2]);
    expect((await redeem(redis, keys, of('a'), NOW + 500, 0)).promised).toBe(false);
    expect((await redeem(redis, keys, of('b'), NOW + 1_000, 0)).promised).toBe(false);
    for (let k = 0; k < WINDOW; k++)
      expect((await redeem(redis, keys, of('a'), NOW + 1_000, 0)).promised).toBe(true);
    expect((await redeem(redis, keys, of('a'), NOW + 1_000, 0)).promised).toBe(false);
    expect(await ask('a')).toBe(1);
  });
});
