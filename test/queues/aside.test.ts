import { Queue, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freshEpoch, priorityOf, STARVED_PRIORITY, standingOf } from '../../src/admission/deadline.js';
import { promoteStarved, standAside } from '../../src/queues/aside.js';
import { connect } from '../../src/queues/connection.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const NOW = 1_800_000_000_000;
const scale = { resolutionMs: 20, epochMs: freshEpoch(20, NOW) };
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

/** Three jobs due 1, 2 and 3 s after NOW; those named stand aside the first time they are taken. */
async function takeAll(name: string, late: readonly string[], starved: boolean) {
  const queue = new Queue(name, { connection: redis });
  for (const [k, id] of ['a', 'b', 'c'].entries())
    await queue.add('r', {}, { jobId: id, priority: priorityOf(NOW + 1000 * (k + 1), scale) });
  const taken: string[] = [];
  const seen: { id: string; priority: number }[] = [];
  const worker = new Worker(
    name,
    async (job, token) => {
      seen.push({ id: job.id ?? '', priority: job.priority });
      if (
        late.includes(job.id ?? '') &&
        standingOf(job.priority) === 'onTime' &&
        job.priority > STARVED_PRIORITY
      ) {
        await standAside(job, token, redis, queue);
      }
      taken.push(job.id ?? '');
      // The first that is served is followed by one that has stood aside too long, where there is one.
      if (starved && taken.length === 1) await promoteStarved(redis, queue, scale, NOW + 1500);
    },
    { connection: connect(server.url, 'worker'), autorun: false },
  );
  const done = new Promise<void>((resolve) => {
    worker.on('completed', () => taken.length === 3 && resolve());
  });
  worker.run().catch(() => {});
  await done;
  await worker.close();
  await queue.close();
  return { taken, seen };
}

test('one that would be late is served after those that are in time, once, with its standing kept', async () => {
  const { taken, seen } = await takeAll('aside', ['a'], false);
  expect(taken).toEqual(['b', 'c', 'a']);
  expect(seen.map(({ id }) => id)).toEqual(['a', 'b', 'c', 'a']);
  expect(standingOf(seen.at(-1)!.priority)).toBe('late');
});

test('one that was due before the bound goes before all others', async () => {
  const { taken } = await takeAll('starved', ['a', 'b'], true);
  // c is served first; then a, which was due at 1 s, is let go; b, due at 2 s, stands aside still and is the last.
  expect(taken).toEqual(['c', 'a', 'b']);
});

test('nothing is let go while none has stood aside for so long', async () => {
  const queue = new Queue('quiet', { connection: redis });
  await queue.add('r', {}, { jobId: 'x', priority: priorityOf(NOW + 1000, scale, 'late') });
  expect(await promoteStarved(redis, queue, scale, NOW)).toBe(false);
  expect(await promoteStarved(redis, queue, scale, NOW + 1000)).toBe(true);
  expect((await queue.getJob('x'))?.priority).toBe(STARVED_PRIORITY);
  await queue.close();
});
