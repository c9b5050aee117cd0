import type { Redis } from 'ioredis';
import type { Config } from '../../src/config/types.js';
import { ALL_POOLS } from '../../src/gpu/state.js';
import { Keys } from '../../src/queues/keys.js';
import { Recorder } from '../../src/telemetry/recorder.js';
import { config as base, heartbeat, pool } from './support.js';

/*
 * A run with known answers. High: TP 2 on GPUs 0-3, low: TP 1 on GPU 4; one hour; 2 USD by GPU-hour.
 *   high  leased 4 GPUs for 3600 s = 14,400 GPU-s = 8 USD; in use 10,800 -> efficiency and utilisation 0.75
 *         100 ended: 96 attained, 2 late, 1 failed, 1 expired -> 0.96, burn 0.04 / 0.05 = 0.8, left 0.2
 *   low   leased 1 GPU for 1800 s = 1,800 GPU-s = 1 USD; in use 450 -> 0.25
 *         10 ended, 7 attained -> 0.7, burn 0.3 / 0.2 = 1.5, left -0.5
 */
const HOUR = 3600;
export const config: Config = {
  ...base,
  inventory: { hosts: [{ name: 'host', islands: [[0, 1, 2, 3], [4]] }] },
  pools: {
    high: { ...pool, violationsAllowed: 0.05, engine: engine() },
    low: {
      ...pool,
      name: 'low',
      level: 'low',
      priority: 3,
      tensorParallelism: { prefill: 1, decode: 1 },
      gpuBudget: { guaranteed: 1, ceiling: 1 },
      violationsAllowed: 0.2,
      targets: { ttftSeconds: 5, itlSeconds: 0.2 },
      engine: engine(),
    },
  },
};
export const keys = new Keys(config.namespace);

function engine(): Config['pools'][string]['engine'] {
  return {
    kind: 'sim',
    profile: 'llama-3.1-8b-fp8-h100',
    coldStartSeconds: 60,
    maxSequences: 64,
    maxBatchedTokens: 8192,
    prefixCache: false,
    seed: 1,
  };
}

/** Makes the run above, ending at `endMs`, Unix ms. */
export async function knownRun(redis: Redis, endMs: number): Promise<void> {
  const recorder = new Recorder(redis, keys, { pools: ['high', 'low'], clock: () => endMs });
  const done = (name: string, attained: boolean, ttftSeconds: number) =>
    recorder.ended(name, {
      kind: 'completed',
      attained,
      ttftSeconds,
      itlSeconds: 0.01,
      queueSeconds: 0.05,
      wholeSeconds: 2,
      isl: 900,
      osl: 100,
      atMs: endMs,
    });
  for (let n = 0; n < 96; n++) done('high', true, 0.2);
  for (let n = 0; n < 2; n++) done('high', false, 0.9);
  recorder.ended('high', { kind: 'failed', attained: false, isl: 10, osl: 0, atMs: endMs });
  recorder.ended('high', { kind: 'expired', attained: false, isl: 10, osl: 0, atMs: endMs });
  for (let n = 0; n < 10; n++) done('low', n < 7, n < 7 ? 1 : 6);
  for (let n = 0; n < 110; n++) recorder.arrival(n < 100 ? 'high' : 'low', endMs, 900);
  await recorder.close();
  const totals = (name: string) => keys.telemetry(name, 'totals');
  const began = endMs - HOUR * 1000;
  await redis.hset(totals('high'), { startedMs: began, busyGpuMs: 10_800_000, heldGpuMs: 14_400_000 });
  await redis.hset(totals('low'), { startedMs: began, busyGpuMs: 450_000, heldGpuMs: 1_800_000 });
  const used = (name: string, gpuSeconds: number) => ({
    [`ms:${name}`]: gpuSeconds * 1000,
    [`since:${name}`]: endMs,
    [`gpus:${name}`]: 0,
  });
  const usage = { ...used('high', 14_400), ...used('low', 1_800), ...used(ALL_POOLS, 16_200) };
  await redis.hset(keys.gpu('usage'), usage);
  const beat = { atMs: endMs, readyAtMs: endMs - 1000 };
  for (const [id, gpus] of Object.entries({ a: ['host:0', 'host:1'], b: ['host:2', 'host:3'] }))
    await redis.hset(keys.heartbeats('high'), id, JSON.stringify(heartbeat({ ...beat, workerId: id, gpus })));
  const low = heartbeat({ ...beat, pool: 'low', workerId: 'c', gpus: ['host:4'], tp: 1 });
  await redis.hset(keys.heartbeats('low'), 'c', JSON.stringify(low));
}
