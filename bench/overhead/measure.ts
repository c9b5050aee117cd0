import { performance } from 'node:perf_hooks';
import type { Redis } from 'ioredis';
import { quantile } from '../support/stats.js';
import type { Side } from './sides.js';

/** Runs `task` `count` times, at most `inFlight` at once. @returns seconds. */
export async function pump(count: number, inFlight: number, task: () => Promise<void>): Promise<number> {
  const from = performance.now();
  let left = count;
  const lane = async () => {
    while (left > 0) {
      left--;
      await task();
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, lane));
  return (performance.now() - from) / 1000;
}

/** Enough in flight that client, Redis and worker always have work: with fewer, they wait for each other in turn. */
const IN_FLIGHT = 1024;

/** Jobs per second at saturation. */
export async function throughput(side: Side, count: number, prompt: string): Promise<number> {
  return count / (await pump(count, IN_FLIGHT, () => side.ask(prompt)));
}

/** Round trips one after the other, ms. */
export async function roundTrips(
  side: Side,
  count: number,
  prompt: string,
): Promise<{ p50: number; p99: number }> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const from = performance.now();
    await side.ask(prompt);
    samples.push(performance.now() - from);
  }
  samples.sort((a, b) => a - b);
  return { p50: quantile(samples, 0.5), p99: quantile(samples, 0.99) };
}

/** Redis memory of one queued request, bytes, over `count` of them. */
export async function memoryPerRequest(
  redis: Redis,
  side: Side,
  count: number,
  prompt: string,
): Promise<number> {
  await side.add(prompt); // scripts and queue metadata are there
  const before = await usedMemory(redis);
  await pump(count, 256, () => side.add(prompt));
  return ((await usedMemory(redis)) - before) / count;
}

/** Microseconds of Redis's own time for one add, and ms seen by the client, one at a time. */
export async function addCost(redis: Redis, side: Side, count: number, prompt: string): Promise<number> {
  const before = await scriptMicroseconds(redis);
  for (let i = 0; i < count; i++) await side.add(prompt);
  return ((await scriptMicroseconds(redis)) - before) / count;
}

async function usedMemory(redis: Redis): Promise<number> {
  return Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]);
}

async function scriptMicroseconds(redis: Redis): Promise<number> {
  const stats = await redis.info('commandstats');
  return Number(/cmdstat_evalsha:calls=\d+,usec=(\d+)/.exec(stats)?.[1]);
}
