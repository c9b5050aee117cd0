import { hostname } from 'node:os';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { parseStored } from '../../gpu/stored.js';
import type { Keys } from '../../queues/keys.js';
import type { ProcessName } from './process-metrics.js';

/** A process that has not told of itself for so long has died. */
const DEAD_MS = 30_000;
const BEAT_MS = 5_000;

const targetSchema = z.object({
  role: z.string(),
  pool: z.string().optional(),
  /** Of its metrics. */
  url: z.url(),
  atMs: z.number(),
});

/** One entry of Prometheus' HTTP service discovery. Source: https://prometheus.io/docs/prometheus/latest/http_sd/ */
export interface ScrapeTarget {
  targets: [string];
  labels: Record<string, string>;
}

/** A URL as another machine reaches it: a wildcard address becomes this machine's name. */
export function reachable(url: string): string {
  return url.replace(/\/\/(0\.0\.0\.0|\[::\])/, `//${hostname()}`);
}

/** Tells every few seconds where the metrics of a process are, until the returned function is called. */
export function announceMetrics(
  redis: Redis,
  keys: Keys,
  id: string,
  { role, pool, url }: ProcessName & { url: string },
): () => Promise<void> {
  const tell = () =>
    redis
      .hset(keys.metricsTargets(), id, JSON.stringify({ role, pool, url, atMs: Date.now() }))
      .catch(() => 0);
  void tell();
  const timer = setInterval(() => void tell(), BEAT_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await redis.hdel(keys.metricsTargets(), id);
  };
}

/** Every process that has metrics, as service discovery wants them. Entries of dead ones are removed. */
export async function scrapeTargets(redis: Redis, keys: Keys, nowMs: number): Promise<ScrapeTarget[]> {
  const stored = await redis.hgetall(keys.metricsTargets());
  const found: ScrapeTarget[] = [];
  const dead: string[] = [];
  for (const [id, text] of Object.entries(stored)) {
    const target = parseStored(targetSchema, text);
    if (target === null || nowMs - target.atMs > DEAD_MS) {
      dead.push(id);
      continue;
    }
    const { host, protocol } = new URL(target.url);
    const pool: Record<string, string> = target.pool === undefined ? {} : { pool: target.pool };
    const labels = { __scheme__: protocol.replace(':', ''), role: target.role, ...pool };
    found.push({ targets: [host], labels });
  }
  if (dead.length > 0) await redis.hdel(keys.metricsTargets(), ...dead);
  return found.sort((a, b) => (a.targets[0] < b.targets[0] ? -1 : 1));
}
