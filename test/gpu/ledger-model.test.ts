import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lease } from '../../src/contract/lease.js';
import { type Gpu, inventoryOf } from '../../src/gpu/core/inventory.js';
import * as pure from '../../src/gpu/core/ledger.js';
import { place } from '../../src/gpu/core/placement.js';
import { RedisLedger, releaseLease, renewLease } from '../../src/gpu/ledger.js';
import { holdLock } from '../../src/gpu/lock.js';
import { readDesired, readGpuSeconds, readLeases, readMaxLeased } from '../../src/gpu/state.js';
import { Keys } from '../../src/queues/keys.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { order } from './support.js';

const POOLS = ['a', 'b', 'c'];
const INVENTORY = inventoryOf({
  hosts: [
    {
      name: 'x',
      islands: [
        [0, 1, 2],
        [3, 4],
      ],
    },
    { name: 'y', islands: [[0]] },
  ],
});
const BUDGETS = {
  a: { guaranteed: 2, ceiling: 4, maxWorkers: 3 },
  b: { guaranteed: 1, ceiling: 6, maxWorkers: 6 },
  c: { guaranteed: 0, ceiling: 2, maxWorkers: 1 },
};
const LONG_MS = 1_000_000;

interface Model {
  ledger: pure.Ledger;
}
interface Real {
  redis: Redis;
  keys: Keys;
  ledger: RedisLedger;
  made: string[];
}
type Step = fc.AsyncCommand<Model, Real>;

/** Both sides must hold the same, and the invariants of the design with it. */
async function agree(model: Model, { redis, keys }: Real): Promise<void> {
  const leases = await readLeases(redis, keys);
  expect(Object.fromEntries(leases.map((lease) => [lease.leaseId, lease]))).toEqual(model.ledger.leases);
  const peaks = await readMaxLeased(redis, keys);
  const seconds = await readGpuSeconds(redis, keys);
  for (const [name, account] of Object.entries(model.ledger.accounts)) {
    expect(peaks[name]).toBe(account.peak);
    const least = pure.gpuSeconds(model.ledger, name, account.sinceMs);
    expect(account.gpus === 0 ? seconds[name] === least : seconds[name]! >= least).toBe(true);
    const stored = await redis.hmget(keys.gpu('usage'), `gpus:${name}`, `ms:${name}`, `since:${name}`);
    expect(stored.map(Number)).toEqual([account.gpus, account.gpuMs, account.sinceMs]);
  }
  const held = leases.flatMap((lease) => lease.gpus);
  expect(new Set(held).size).toBe(held.length);
  expect(held.every((id) => INVENTORY.some((gpu) => gpu.id === id))).toBe(true);
  for (const lease of leases) {
    const islands = lease.gpus.map((id) => INVENTORY.find((gpu) => gpu.id === id)?.island);
    expect(new Set(islands).size).toBe(1);
  }
  for (const [pool, budget] of Object.entries(BUDGETS)) {
    const own = leases.filter((lease) => lease.pool === pool);
    expect(own.flatMap((lease) => lease.gpus).length).toBeLessThanOrEqual(budget.ceiling);
    expect(own.length).toBeLessThanOrEqual(budget.maxWorkers);
    expect((await readDesired(redis, keys, pool))?.generation).toBe(model.ledger.desired[pool]?.generation);
  }
}

/** When the last lease was taken or ended, on the server's clock. */
async function bookedAt({ redis, keys }: Real): Promise<number> {
  return Number(await redis.hget(keys.gpu('usage'), 'since:*'));
}

class Acquire implements Step {
  constructor(
    readonly pool: string,
    readonly tp: number,
    readonly short: boolean,
    /** null: well placed, whatever the budget; else any GPUs at all. */
    readonly picked: readonly Gpu[] | null,
    readonly again: boolean,
  ) {}
  check = () => true;
  async run(model: Model, real: Real) {
    const chosen = this.picked ?? place(pure.freeGpus(model.ledger), this.tp) ?? [INVENTORY[0]!];
    const n = real.made.length + 1;
    const request = {
      leaseId: `l${n}`,
      pool: this.pool,
      role: 'vllm' as const,
      workerId: `w${n}`,
      host: chosen[0]!.host,
      gpus: chosen.map((gpu) => gpu.id),
      generation: 1,
      leaseMs: this.short ? 1 : LONG_MS,
    };
    const taken = await real.ledger.acquire(request);
    const atMs = 'lease' in taken ? taken.lease.sinceMs : 0;
    const expected = pure.acquire(model.ledger, request, atMs);
    expect('refusal' in taken ? taken.refusal : null).toBe(expected.refusal);
    model.ledger = expected.ledger;
    if ('lease' in taken) {
      real.made.push(request.leaseId);
      if (this.again) expect(await real.ledger.acquire(request)).toEqual(taken);
    }
    await agree(model, real);
  }
  toString = () => `acquire ${this.pool} tp ${this.tp} ${this.picked?.map((gpu) => gpu.id) ?? 'well placed'}`;
}

abstract class OnLease implements Step {
  constructor(
    readonly nth: number,
    readonly flag: boolean,
  ) {}
  check = () => true;
  async run(model: Model, real: Real) {
    const id = real.made[this.nth % Math.max(1, real.made.length)] ?? 'never';
    await this.change(model, real, id, model.ledger.leases[id]);
    await agree(model, real);
  }
  abstract change(model: Model, real: Real, id: string, lease: Lease | undefined): Promise<void>;
  toString = () => `${this.constructor.name} ${this.nth} ${this.flag}`;
}

class Renew extends OnLease {
  async change(model: Model, real: Real, id: string, lease: Lease | undefined) {
    const worker = this.flag ? 'stranger' : `w${id.slice(1)}`;
    const renewed = await renewLease(real.redis, real.keys, id, worker);
    const after = (await readLeases(real.redis, real.keys)).find((l) => l.leaseId === id);
    const atMs = (after?.expiresAtMs ?? 0) - (after?.leaseMs ?? 0);
    const expected = pure.renew(model.ledger, id, worker, atMs);
    expect(renewed).toBe(expected.renewed);
    expect(renewed).toBe(lease !== undefined && !this.flag);
    model.ledger = expected.ledger;
  }
}

class Release extends OnLease {
  async change(model: Model, real: Real, id: string) {
    await releaseLease(real.redis, real.keys, id);
    model.ledger = pure.release(model.ledger, id, await bookedAt(real));
    if (this.flag) await releaseLease(real.redis, real.keys, id);
  }
}

class Mark extends OnLease {
  async change(model: Model, real: Real, id: string, lease: Lease | undefined) {
    const state = this.flag ? 'draining' : 'running';
    expect(await real.ledger.mark(id, state)).toBe(lease !== undefined);
    const after = (await readLeases(real.redis, real.keys)).find((l) => l.leaseId === id);
    model.ledger = pure.mark(model.ledger, id, state, after?.stateSinceMs ?? 0);
  }
}

class Reclaim implements Step {
  constructor(readonly grace: boolean) {}
  check = () => true;
  async run(model: Model, real: Real) {
    await new Promise((resolve) => setTimeout(resolve, 3));
    const gapMs = this.grace ? -1 : LONG_MS;
    const { nowMs, expired } = await real.ledger.sweep(gapMs);
    const swept = pure.sweep(model.ledger, gapMs, nowMs);
    expect(expired.toSorted()).toEqual(swept.expired.toSorted());
    const ended = await real.ledger.reclaim(expired);
    expect(ended).toEqual(expired);
    const atMs = ended.length > 0 ? await bookedAt(real) : nowMs;
    model.ledger = pure.reclaim(swept.ledger, expired, atMs);
    await agree(model, real);
  }
  toString = () => (this.grace ? 'sweep after a gap' : 'sweep');
}

class Order implements Step {
  constructor(
    readonly pool: string,
    readonly generation: number,
  ) {}
  check = () => true;
  async run(model: Model, real: Real) {
    const asked = order(this.pool, this.generation, 1);
    const { verdict } = await real.ledger.order(asked);
    const expected = pure.applyOrder(model.ledger, asked);
    expect(verdict).toBe(expected.verdict);
    model.ledger = expected.ledger;
    await agree(model, real);
  }
  toString = () => `order ${this.pool} ${this.generation}`;
}

describe('GPU ledger in Redis', () => {
  let server: TestRedis;
  let redis: Redis;
  beforeAll(async () => {
    server = await startTestRedis();
    redis = new Redis(server.url);
  }, 60_000);
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  it('does what the pure ledger does and keeps its invariants, whatever is asked of it', async () => {
    const pool = fc.constantFrom(...POOLS);
    const nth = fc.nat(20);
    const taking: fc.Arbitrary<Step> = fc
      .tuple(pool, fc.integer({ min: 1, max: 3 }), fc.boolean(), fc.boolean())
      .map(([p, tp, short, again]) => new Acquire(p, tp, short, null, again));
    const steps: fc.Arbitrary<Step>[] = [
      taking,
      taking,
      taking,
      fc
        .tuple(pool, fc.array(fc.constantFrom(...INVENTORY), { minLength: 1, maxLength: 3 }))
        .map(([p, picked]) => new Acquire(p, picked.length, false, picked, false)),
      fc.tuple(nth, fc.boolean()).map(([n, flag]) => new Renew(n, flag)),
      fc.tuple(nth, fc.boolean()).map(([n, flag]) => new Release(n, flag)),
      fc.tuple(nth, fc.boolean()).map(([n, flag]) => new Mark(n, flag)),
      fc.boolean().map((grace) => new Reclaim(grace)),
      fc.tuple(pool, fc.integer({ min: 1, max: 5 })).map(([p, generation]) => new Order(p, generation)),
    ];
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.commands(steps, { maxCommands: 40, size: '+1' }), async (commands) => {
        const keys = new Keys(`model${run++}`);
        const fence = (await holdLock(redis, keys, 'me'))!;
        const ledger = new RedisLedger(redis, keys, fence);
        await ledger.configure(INVENTORY, BUDGETS);
        const setup = () => ({
          model: { ledger: pure.emptyLedger(INVENTORY, BUDGETS) },
          real: { redis, keys, ledger, made: [] },
        });
        await fc.asyncModelRun(setup, commands);
      }),
      { numRuns: 40, endOnFailure: true },
    );
  }, 120_000);

  it('books GPU-seconds while leases run and after they end', async () => {
    const keys = new Keys('seconds');
    const ledger = new RedisLedger(redis, keys, (await holdLock(redis, keys, 'me'))!);
    await ledger.configure(INVENTORY, BUDGETS);
    const request = {
      ...{ leaseId: 'l', pool: 'a', role: 'vllm' as const, workerId: 'w', host: 'x' },
      ...{ gpus: ['x:0', 'x:1'], generation: 1, leaseMs: LONG_MS },
    };
    const taken = await ledger.acquire(request);
    const sinceMs = 'lease' in taken ? taken.lease.sinceMs : 0;
    await new Promise((resolve) => setTimeout(resolve, 50));
    const running = (await readGpuSeconds(redis, keys)).a!;
    expect(running).toBeGreaterThanOrEqual(2 * 0.045);
    await releaseLease(redis, keys, 'l');
    const endedMs = Number(await redis.hget(keys.gpu('usage'), 'since:a'));
    const total = await readGpuSeconds(redis, keys);
    expect(total.a).toBeCloseTo((2 * (endedMs - sinceMs)) / 1000, 9);
    expect(total['*']).toBe(total.a);
    expect(running).toBeLessThanOrEqual(total.a!);
  });

  it('refuses an allocator that lost the lock', async () => {
    const keys = new Keys('fence');
    const old = new RedisLedger(redis, keys, (await holdLock(redis, keys, 'old'))!);
    await old.configure(INVENTORY, BUDGETS);
    expect(await holdLock(redis, keys, 'new')).toBeNull();
    await redis.del(keys.gpu('lock'));
    const fence = (await holdLock(redis, keys, 'new'))!;
    expect(fence).toBeGreaterThan(old.fence);
    await expect(old.order(order('a', 1, 1))).rejects.toThrow('FENCED');
    await expect(old.put('grants', 'a', {})).rejects.toThrow('FENCED');
    expect(await holdLock(redis, keys, 'new')).toBe(fence);
  });

  it('never gives a fence a second time, also when the data was lost: its owner sees that its term ended', async () => {
    const keys = new Keys('lost');
    const before = (await holdLock(redis, keys, 'me'))!;
    await redis.del(keys.gpu('lock'), keys.gpu('fence'));
    // A server takes longer than a millisecond to lose its data and come back.
    await sleep(5);
    expect(await holdLock(redis, keys, 'me')).toBeGreaterThan(before);
  });
});
