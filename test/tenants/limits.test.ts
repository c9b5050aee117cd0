import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { createKey, type KeyFields, keyUse, listKeys, revokeKey } from '../../src/tenants/key-store.js';
import { settle, take } from '../../src/tenants/limits.js';
import { readKey } from '../../src/tenants/secret.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const keys = new Keys('limits');
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

const FREE: KeyFields = {
  tenant: 'acme',
  name: '',
  maxLevel: null,
  operator: false,
  beyond: 'refuse',
  requestsPerMinute: null,
  tokensPerMinute: null,
  concurrent: null,
  budget: null,
};

async function key(fields: Partial<KeyFields> = {}) {
  const made = await createKey(redis, keys, { ...FREE, ...fields }, Date.now());
  return { ...made, parts: readKey(made.text)! };
}

describe('an API key', () => {
  it('is kept as a hash only', async () => {
    const { text } = await key();
    const stored = JSON.stringify(await redis.hgetall(keys.tenants('keys')));
    expect(stored).not.toContain(text.slice(-43));
    expect((await listKeys(redis, keys)).map(({ tenant }) => tenant)).toEqual(['acme']);
  });

  it('works only with its own secret, until it is revoked', async () => {
    const { parts, key: record } = await key();
    expect(await take(redis, keys, parts, 'r1', 1)).toMatchObject({ kind: 'taken', key: { tenant: 'acme' } });
    const forged = { ...parts, hash: 'f'.repeat(64) };
    expect(await take(redis, keys, forged, 'r2', 1)).toMatchObject({ error: { code: 'unauthorized' } });
    expect(await take(redis, keys, { ...parts, id: '0'.repeat(16) }, 'r3', 1)).toMatchObject({
      kind: 'refused',
    });
    await revokeKey(redis, keys, record.id, Date.now());
    expect(await take(redis, keys, parts, 'r4', 1)).toMatchObject({ error: { code: 'unauthorized' } });
  });

  it('has its requests a minute at once, then one each time that one is due', async () => {
    const { parts } = await key({ requestsPerMinute: 60 });
    const taken = await Promise.all(
      Array.from({ length: 70 }, (_, k) => take(redis, keys, parts, `r${k}`, 1)),
    );
    const passed = taken.filter(({ kind }) => kind === 'taken').length;
    expect(passed).toBeGreaterThanOrEqual(60);
    expect(passed).toBeLessThanOrEqual(62);
    const refused = taken.find(({ kind }) => kind === 'refused');
    expect(refused).toMatchObject({ error: { code: 'rate_limited', httpStatus: 429 } });
    // One a second: the next is due within one.
    const wait = refused?.kind === 'refused' ? refused.error.retryAfterSeconds! : 0;
    expect(wait).toBeGreaterThan(0);
    expect(wait).toBeLessThanOrEqual(1);
    await new Promise((resolve) => setTimeout(resolve, wait * 1000 + 20));
    expect(await take(redis, keys, parts, 'later', 1)).toMatchObject({ kind: 'taken' });
  });

  it('gets tokens back that a request took and did not use', async () => {
    const { parts } = await key({ tokensPerMinute: 1000 });
    expect(await take(redis, keys, parts, 'a', 900)).toMatchObject({ kind: 'taken' });
    expect(await take(redis, keys, parts, 'b', 900)).toMatchObject({ error: { code: 'rate_limited' } });
    await settle(redis, keys, parts.id, 'a', 800, 0);
    expect(await take(redis, keys, parts, 'b', 890)).toMatchObject({ kind: 'taken' });
    expect(await take(redis, keys, parts, 'c', 1001)).toMatchObject({
      error: { code: 'rate_limited', retryAfterSeconds: undefined },
    });
  });

  it('gets the request itself back where it was not sent, and never has more than a minute of them', async () => {
    const { parts } = await key({ requestsPerMinute: 2 });
    const taken = async (id: string) => (await take(redis, keys, parts, id, 1)).kind === 'taken';
    expect(await taken('a')).toBe(true);
    await settle(redis, keys, parts.id, 'a', 1, 0, true);
    expect(await settle(redis, keys, parts.id, 'a', 1, 0, true)).toBe(false);
    expect([await taken('b'), await taken('c'), await taken('d')]).toEqual([true, true, false]);
    await settle(redis, keys, parts.id, 'b', 1, 0);
    expect(await taken('e')).toBe(false);
    await settle(redis, keys, parts.id, 'c', 1, 0, true);
    expect([await taken('f'), await taken('g')]).toEqual([true, false]);
  });

  it('has so many requests at once over all gateways, and each end frees one place once', async () => {
    const { parts } = await key({ concurrent: 5 });
    const asked = Array.from({ length: 20 }, (_, k) => take(redis, keys, parts, `r${k}`, 1));
    expect((await Promise.all(asked)).filter(({ kind }) => kind === 'taken')).toHaveLength(5);
    expect(await settle(redis, keys, parts.id, 'r0', 0, 0)).toBe(true);
    expect(await settle(redis, keys, parts.id, 'r0', 0, 0)).toBe(false);
    expect(await take(redis, keys, parts, 'x', 1)).toMatchObject({ kind: 'taken' });
    expect(await take(redis, keys, parts, 'y', 1)).toMatchObject({ error: { code: 'rate_limited' } });
  });

  it('counts a request that is sent twice at once under one id as one, and keeps it open while one of the two may run', async () => {
    const { parts, key: record } = await key({
      concurrent: 1,
      requestsPerMinute: 1,
      budget: { gpuSeconds: 100, periodSeconds: null },
    });
    const taken = [await take(redis, keys, parts, 'r', 5), await take(redis, keys, parts, 'r', 5)];
    expect(taken.map(({ kind }) => kind)).toEqual(['taken', 'taken']);
    expect(await settle(redis, keys, parts.id, 'r', 5, 0, true)).toBe(false);
    expect(await take(redis, keys, parts, 'x', 5)).toMatchObject({ error: { code: 'rate_limited' } });
    expect(await settle(redis, keys, parts.id, 'r', 0, 42)).toBe(true);
    expect(await keyUse(redis, keys, record, Date.now())).toEqual({ open: 0, gpuSeconds: 42 });
  });

  it('is free again once all that sent a request under one id were refused', async () => {
    const { parts } = await key({ concurrent: 1, requestsPerMinute: 1 });
    for (let k = 0; k < 3; k++) await take(redis, keys, parts, 'r', 5);
    const settled = [];
    for (let k = 0; k < 4; k++) settled.push(await settle(redis, keys, parts.id, 'r', 5, 0, true));
    expect(settled).toEqual([false, false, true, false]);
    expect(await take(redis, keys, parts, 'x', 5)).toMatchObject({ kind: 'taken' });
  });

  it('is refused once its GPU-seconds are spent, until its next period', async () => {
    const { parts, key: record } = await key({ budget: { gpuSeconds: 10, periodSeconds: 86_400 } });
    for (const [id, seconds] of [
      ['a', 6],
      ['b', 7],
    ] as const) {
      expect(await take(redis, keys, parts, id, 1)).toMatchObject({ kind: 'taken' });
      await settle(redis, keys, parts.id, id, 0, seconds);
    }
    expect(await keyUse(redis, keys, record, Date.now())).toEqual({ open: 0, gpuSeconds: 13 });
    const refused = await take(redis, keys, parts, 'c', 1);
    expect(refused).toMatchObject({ error: { code: 'budget_spent' } });
    const wait = refused.kind === 'refused' ? refused.error.retryAfterSeconds! : 0;
    expect(Math.abs(wait - (86_400 - ((Date.now() / 1000) % 86_400)))).toBeLessThan(5);
    // As if it had been spent yesterday.
    await redis.hincrby(keys.tenants('spent', parts.id), 'period', -1);
    expect(await take(redis, keys, parts, 'd', 1)).toMatchObject({ kind: 'taken' });
  });

  it('takes nothing of one limit when another refuses', async () => {
    const { parts } = await key({ requestsPerMinute: 10, tokensPerMinute: 100 });
    for (let k = 0; k < 20; k++) await take(redis, keys, parts, `big${k}`, 101);
    const small = await Promise.all(
      Array.from({ length: 10 }, (_, k) => take(redis, keys, parts, `s${k}`, 10)),
    );
    expect(small.every(({ kind }) => kind === 'taken')).toBe(true);
  });
});
