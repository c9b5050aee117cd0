import type { Redis } from 'ioredis';
import type { Config } from '../../src/config/types.js';
import type { RoutedRequest } from '../../src/contract/request.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { GlobalScheduler } from '../../src/scheduler/global-scheduler.js';
import { PoolRouter } from '../../src/scheduler/pool-router.js';
import { poolOf, type Room } from './knob.js';

const open: (() => unknown)[] = [];

/** Something to be closed when the test is over. */
export function closing(close: () => unknown): void {
  open.push(close);
}

/** Closes what a test opened, the newest first. */
export async function closeAll(): Promise<void> {
  for (const close of open.splice(0).reverse()) await close();
}

/** An empty Redis, the key names of the configuration, and the router of pool `p`. */
export async function emptyRedis(
  config: Config,
  { redisUrl }: Room,
): Promise<{ redis: Redis; keys: Keys; router: PoolRouter }> {
  await closeAll();
  const redis = connect(redisUrl, 'producer');
  closing(() => redis.disconnect());
  await redis.flushall();
  const keys = new Keys(config.namespace);
  const router = new PoolRouter(poolOf(config), config, redis, keys);
  closing(() => router.close());
  return { redis, keys, router };
}

/** A request for pool `p`, as the scheduler routes it. */
export function routed(
  config: Config,
  id: string,
  submission: object = {},
  nowMs = Date.now(),
): RoutedRequest {
  const asked = { prompt: 'a few words', max_tokens: 3, slo_level: 'medium', ...submission };
  return new GlobalScheduler(config).route(asked, id, nowMs);
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
