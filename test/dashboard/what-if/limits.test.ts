import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { defaultConfig } from '../../../src/config/load.js';
import { askSchema } from '../../../src/dashboard/what-if/ask.js';
import type { RunLimits } from '../../../src/dashboard/what-if/run.js';
import type { RunView } from '../../../src/dashboard/what-if/view.js';
import { WhatIf } from '../../../src/dashboard/what-if/what-if.js';
import { connect } from '../../../src/queues/connection.js';
import { Keys } from '../../../src/queues/keys.js';
import { startTestRedis, type TestRedis } from '../../support/redis.js';

const thread = fileURLToPath(new URL('../../../dist/src/dashboard/what-if/thread.js', import.meta.url));
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

/** An hour of steady load within these limits. */
async function ended(limits: Partial<RunLimits>, rateScale = 1): Promise<RunView> {
  const config = defaultConfig();
  const source = { kind: 'scenario', name: 'steady' };
  const parts = { redis, keys: new Keys('test'), config, now: Date.now, thread };
  const whatIf = new WhatIf(parts, { heapMb: 1024, seconds: 60, requests: 1_000_000, ...limits });
  await whatIf.start(askSchema.parse({ source, rate_scale: rateScale }));
  while (whatIf.view?.state === 'running') await sleep(20);
  const { view } = whatIf;
  await whatIf.close();
  return view!;
}

test('a run that needs more memory than it may have ends alone, and says so', async () => {
  // Ten times what the fleet bears: the queue is what grows.
  const run = await ended({ heapMb: 24 }, 10);
  expect(run).toMatchObject({ state: 'failed', message: expect.stringContaining('more than 24 MB') });
});

test('a run that takes too long is ended', async () => {
  const run = await ended({ seconds: 0.5 });
  expect(run).toMatchObject({ state: 'failed', message: expect.stringContaining('more than 0.5 s') });
});

test('a run of too many requests ends at the first too many', async () => {
  const run = await ended({ requests: 1000 });
  expect(run).toMatchObject({ state: 'failed', message: expect.stringContaining('at most 1000 requests') });
});
