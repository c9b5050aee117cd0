import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildReport } from '../../src/cli/report/build.js';
import { RunWatch } from '../../src/cli/report/watch.js';
import type { PlannerState, TransitionRecord } from '../../src/contract/transition.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { testConfig } from '../support/report-config.js';

let server: TestRedis;
beforeAll(async () => {
  server = await startTestRedis();
}, 60_000);
afterAll(() => server.stop());

const record = (
  sequence: number,
  from: PlannerState,
  to: PlannerState,
  decode: number | null,
): TransitionRecord => ({
  pool: 'high',
  sequence,
  atMs: sequence * 1000,
  from,
  to,
  event: 'TICK',
  reason: `step ${sequence}`,
  numbers: {},
  order:
    decode === null
      ? null
      : { pool: 'high', generation: sequence, prefill: 0, decode, reason: 'r', observationId: 'o' },
  observation: null,
});

it('counts GPU-seconds and the time they could have been leased from one reading of the ledger to another', async () => {
  const redis = connect(server.url, 'plain');
  const keys = new Keys('metered');
  try {
    // All four GPUs of the budget leased, for a thousand seconds: since 1970, a difference would be lost in rounding.
    const since = Date.now() - 1_000_000;
    await redis.hset(keys.gpu('usage'), {
      'gpus:high': 4,
      'ms:high': 0,
      'since:high': since,
      'peak:high': 4,
    });
    const watch = await RunWatch.start(redis, keys, testConfig);
    await sleep(50);
    const figures = await watch.stop();
    expect(figures.seconds).toBeGreaterThanOrEqual(0.05);
    expect(figures.pools.high?.gpuSeconds).toBeCloseTo(4 * figures.seconds, 6);
    const { high } = buildReport(testConfig, [], figures, 0.01, true).pools;
    expect(high?.gpuHours).toBeCloseTo(high?.staticGpuHours ?? 0, 9);
  } finally {
    redis.disconnect();
  }
});

it('takes the state and order that stood when the run began, and every step since, whole or broken', async () => {
  const redis = connect(server.url, 'plain');
  const keys = new Keys('watched');
  const stream = keys.transitions('high');
  const add = (text: string) => redis.xadd(stream, '*', 'record', text);
  try {
    await add(JSON.stringify(record(1, 'idle', 'scaleUp', 2)));
    await add(JSON.stringify(record(2, 'scaleUp', 'steady', null)));
    const watch = await RunWatch.start(redis, keys, testConfig);
    await add('not a record');
    for (let k = 3; k < 603; k++) await add(JSON.stringify(record(k, 'steady', 'steady', null)));
    await add(JSON.stringify(record(603, 'steady', 'burstProtect', 4)));
    const figures = await watch.stop();
    expect(figures.pools.high?.start).toEqual({ state: 'steady', ordered: 2 });
    expect(figures.pools.high?.steps).toHaveLength(601);
    expect(figures.pools.high?.steps.at(-1)).toEqual({
      atMs: 603_000,
      from: 'steady',
      to: 'burstProtect',
      reason: 'step 603',
      ordered: 4,
    });
    expect(figures.pools.low).toMatchObject({
      gpuSeconds: 0,
      maxGpus: 0,
      start: { state: null, ordered: null },
    });
  } finally {
    redis.disconnect();
  }
}, 30_000);
