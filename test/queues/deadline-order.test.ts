import { type Job, Worker } from 'bullmq';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type DeadlineScale, freshEpoch, priorityOf, type Standing } from '../../src/admission/deadline.js';
import type { RoutedRequest } from '../../src/contract/request.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolQueues } from '../../src/queues/pool-queues.js';
import { rebase } from '../../src/queues/rebase.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const NOW = 1_800_000_000_000;
const RESOLUTION = 20;
const HOUR = 3_600_000;
let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'producer');
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

const request = (id: string, deadlineMs: number): RoutedRequest => ({
  ...{ id, level: 'high', pool: 'high', model: 'm', prompt: 'x', isl: 1, maxTokens: 1 },
  ...{ acceptedAtMs: NOW, deadlineMs },
});

type Step = { kind: 'add'; deadlineMs: number; standing: Standing } | { kind: 'rebase'; laterMs: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('add' as const),
      deadlineMs: fc.integer({ min: NOW - 60_000, max: NOW + HOUR }),
      standing: fc.constantFrom('onTime' as const, 'late' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('rebase' as const),
      laterMs: fc.integer({ min: 0, max: HOUR / 2 }),
    }),
  },
);

describe('order of a pool queue', () => {
  it('is on-time before late, then by deadline tick, then by arrival, across rebases', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 25 }), async (steps) => {
        const queues = new PoolQueues('high', new Keys(`order${run++}`), redis);
        let scale: DeadlineScale = { epochMs: freshEpoch(RESOLUTION, NOW), resolutionMs: RESOLUTION };
        const added: { id: string; deadlineMs: number; standing: Standing }[] = [];
        for (const [i, current] of steps.entries()) {
          if (current.kind === 'add') {
            added.push({ id: `r${i}`, ...current });
            const priority = priorityOf(current.deadlineMs, scale, current.standing);
            await queues.addWhole(request(`r${i}`, current.deadlineMs), priority);
          } else {
            scale = { ...scale, epochMs: freshEpoch(RESOLUTION, NOW + current.laterMs) };
            await rebase(queues, scale);
            expect(await rebase(queues, scale)).toBe(0);
          }
        }
        // Priority in the newest scale is what all were rebased to; ties keep the order of arrival.
        const expected = [...added].sort(
          (a, b) => priorityOf(a.deadlineMs, scale, a.standing) - priorityOf(b.deadlineMs, scale, b.standing),
        );
        const waiting = await queues.decode.getJobs(['prioritized'], 0, -1, true);
        expect(waiting.map((job) => job.id)).toEqual(expected.map(({ id }) => id));
        await queues.close();
      }),
      { numRuns: 40 },
    );
  });

  it('comes to a new epoch whole: while workers take from its head, and with what they put back later', async () => {
    const keys = new Keys('taken');
    const queues = new PoolQueues('high', keys, redis);
    const scale = (nowMs: number): DeadlineScale => ({
      epochMs: freshEpoch(RESOLUTION, nowMs),
      resolutionMs: RESOLUTION,
    });
    const [before, after] = [scale(NOW), scale(NOW + HOUR / 2)];
    const ids = Array.from({ length: 1500 }, (_, k) => `r${k}`);
    await Promise.all(ids.map((id) => queues.addWhole(request(id, NOW), priorityOf(NOW, before))));
    const connection = connect(server.url, 'worker');
    const worker = new Worker(keys.decodeQueue('high'), null, {
      ...{ connection, prefix: keys.poolPrefix('high'), autorun: false, skipVersionCheck: true },
    });
    const take = async (): Promise<Job> => (await worker.getNextJob('t', { block: false }))!;
    const held = await take();
    let [sweeping, taken] = [true, 0];
    const sweep = rebase(queues, after).finally(() => {
      sweeping = false;
    });
    for (; sweeping && taken < 1000; taken++) await (await take()).moveToCompleted({}, 't', false);
    await sweep;
    await held.moveToWait('t');
    const waiting = await queues.decode.getJobs(['prioritized'], 0, -1, true);
    expect(waiting).toHaveLength(ids.length - taken);
    expect(new Set(waiting.map(({ priority }) => priority))).toEqual(new Set([priorityOf(NOW, after)]));
    await Promise.all([worker.close(), queues.close()]);
    connection.disconnect();
  });
});
