import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Config } from '../../config/types.js';
import type { SystemStatus } from '../../contract/status.js';
import type { Keys } from '../../queues/keys.js';
import { totalsKey } from '../slots.js';
import { latencyFamilies } from './distributions.js';
import { type Family, renderFamilies } from './family.js';
import { poolFamilies } from './pool-families.js';
import { redisFamilies } from './redis-families.js';
import { systemFamilies } from './system-families.js';

/** Where the numbers of the whole system come from. */
export interface SystemSources {
  redis: Redis;
  keys: Keys;
  config: Config;
  /** The same computation as `sluice status --json`. */
  status: (nowMs: number) => Promise<SystemStatus>;
  /** By the name that is shown. */
  queues: ReadonlyMap<string, Queue>;
}

/** The whole system in Prometheus' text format, as Redis knows it at `nowMs`. Rejects when Redis does. */
export async function systemMetrics(sources: SystemSources, nowMs: number): Promise<string> {
  const { redis, keys } = sources;
  const pools = Object.values(sources.config.pools);
  const [status, info, totals, counts] = await Promise.all([
    sources.status(nowMs),
    redis.info(),
    Promise.all(pools.map(({ name }) => redis.hgetall(totalsKey(keys, name)))),
    queueFamily(sources.queues),
  ]);
  const latencies = latencyFamilies(
    pools.map(({ name, level, targets }, at) => ({
      labels: { pool: name, level },
      targets,
      totals: totals[at] ?? {},
    })),
  );
  return renderFamilies([
    ...poolFamilies(status.pools),
    ...latencies,
    ...systemFamilies(status),
    counts,
    ...redisFamilies(info),
  ]);
}

/** BullMQ's own counts, under the name and labels that its `exportPrometheusMetrics` gives them. */
async function queueFamily(queues: ReadonlyMap<string, Queue>): Promise<Family> {
  const samples = await Promise.all(
    [...queues].map(async ([name, queue]) => {
      const counts = await queue.getJobCounts();
      return Object.entries(counts).map(([state, value]) => ({ labels: { queue: name, state }, value }));
    }),
  );
  return {
    name: 'bullmq_job_count',
    type: 'gauge',
    help: 'Number of jobs in the queue by state',
    samples: samples.flat(),
  };
}
