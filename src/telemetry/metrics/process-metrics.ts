import type { Redis } from 'ioredis';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { probeWrite } from '../../queues/server-check.js';

/** Event-loop lag is told to so many ms. */
const LAG_PRECISION_MS = 20;
const ANSWER_LIMIT_MS = 1_000;

/** Which process it is. */
export interface ProcessName {
  role: string;
  /** Absent: it belongs to none. */
  pool?: string | undefined;
}

/**
 * Metrics of this process: CPU, memory, garbage collection and event-loop lag under the names that Node's Prometheus
 * client gives them, and the way to Redis, measured by each scrape (with a write to `probeKey`). Roles add their own to the
 * registry.
 */
export function processRegistry(redis: Redis, { role, pool }: ProcessName, probeKey: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: LAG_PRECISION_MS });
  new Gauge({
    name: 'sluice_role_info',
    help: 'What this process is: always 1.',
    labelNames: ['role', 'pool'],
    registers: [registry],
  }).set({ role, pool: pool ?? '' }, 1);
  let measuring: Promise<number | null> | undefined;
  const measured = () => {
    measuring ??= secondsOf(redis.ping()).finally(() => {
      measuring = undefined;
    });
    return measuring;
  };
  new Gauge({
    name: 'sluice_redis_up',
    help: '1: Redis answered this process within a second.',
    registers: [registry],
    async collect() {
      this.set(Number((await measured()) !== null));
    },
  });
  new Gauge({
    name: 'sluice_redis_takes_writes',
    help: '1: Redis took a write of this process within a second; 0: it refused (full, a replica) or did not answer.',
    registers: [registry],
    async collect() {
      this.set(Number((await secondsOf(probeWrite(redis, probeKey))) !== null));
    },
  });
  new Gauge({
    name: 'sluice_redis_ping_seconds',
    help: 'Round trip of a PING from this process; the limit of one second where no answer came.',
    registers: [registry],
    async collect() {
      this.set((await measured()) ?? ANSWER_LIMIT_MS / 1000);
    },
  });
  return registry;
}

/** Seconds until the answer; null: a refusal, or none within the limit. */
async function secondsOf(asked: Promise<unknown>): Promise<number | null> {
  const began = process.hrtime.bigint();
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ANSWER_LIMIT_MS);
  });
  const answer = asked.then(
    () => Number(process.hrtime.bigint() - began) / 1e9,
    () => null,
  );
  const seconds = await Promise.race([answer, limit]);
  clearTimeout(timer);
  return seconds;
}
