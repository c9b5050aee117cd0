import type { Redis } from 'ioredis';
import type { Config, PoolConfig } from '../config/types.js';
import type { Lease, WorkerFailure } from '../contract/lease.js';
import type { PoolStatus, SystemStatus } from '../contract/status.js';
import type { TransitionRecord } from '../contract/transition.js';
import {
  ALL_POOLS,
  readDesired,
  readGpuSeconds,
  readGrant,
  readLeases,
  readWorkerFailures,
} from '../gpu/state.js';
import { loadProfile } from '../profile/load.js';
import type { Profile } from '../profile/types.js';
import { formerPools } from '../queues/former-pools.js';
import type { Keys } from '../queues/keys.js';
import { PoolQueues } from '../queues/pool-queues.js';
import { PlannerTally, reversalSeconds } from './activity.js';
import { readMark } from './budget.js';
import { arrivalRange } from './build-observation.js';
import { EndedSlots } from './ended-slots.js';
import { readArrivals } from './observe.js';
import { poolStatus } from './pool-status.js';
import { readQueueDepth } from './queue-depth.js';
import { NO_POOL } from './recorder.js';
import { roleStatus } from './roles.js';
import { LATENCY_SLOT_SECONDS, slotStart, totalsKey, writersKey } from './slots.js';
import { systemStatus } from './system-status.js';
import { TransitionLog } from './transition-log.js';
import { knownArrivals, parseWriters } from './writers.js';

/** Arrivals per second are a mean over so long. */
const RATE_SECONDS = 10;
const HOUR_SECONDS = 3600;
const DAY_SECONDS = 86_400;

interface PoolSource {
  pool: PoolConfig;
  queues: PoolQueues;
  ended: EndedSlots;
  log: TransitionLog;
  tally: PlannerTally;
  profile: Profile | null;
}

/** Collects the status again and again; what it read of the transitions it does not read twice. */
export class StatusCollector {
  readonly #sources: PoolSource[];

  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    private readonly config: Config,
  ) {
    this.#sources = Object.values(config.pools).map((pool) => {
      const tally = new PlannerTally({ state: null, ordered: null }, reversalSeconds(config, pool));
      return {
        pool,
        queues: new PoolQueues(pool.name, keys, redis),
        ended: new EndedSlots(redis, keys, pool.name),
        log: new TransitionLog(redis, keys, pool.name, (step) => tally.add(step)),
        tally,
        profile: pool.engine.kind === 'noop' ? null : loadProfile(pool.engine.profile),
      };
    });
  }

  /** @param nowMs Unix ms. Rejects when Redis does. */
  async collect(nowMs: number): Promise<SystemStatus> {
    const { redis, keys, config } = this;
    const [leases, gpuSeconds, failures, roles, refused, former] = await Promise.all([
      readLeases(redis, keys),
      readGpuSeconds(redis, keys),
      readWorkerFailures(redis, keys),
      redis.hgetall(keys.roles()),
      redis.hget(totalsKey(keys, NO_POOL), 'rejected'),
      formerPools(redis, keys, config),
    ]);
    const collected = await Promise.all(
      this.#sources.map((source) =>
        this.#collectPool(source, nowMs, {
          leases,
          failures,
          gpuSeconds: gpuSeconds[source.pool.name] ?? 0,
          plannerBeat: roles[`planner-${source.pool.name}`],
        }),
      ),
    );
    const starts = collected.flatMap(({ startedMs }) => (startedMs === undefined ? [] : [Number(startedMs)]));
    return systemStatus(
      config,
      collected.map(({ status }) => status),
      {
        nowMs,
        startedAtMs: starts.length === 0 ? null : Math.min(...starts),
        roles: roleStatus(roles, nowMs, config.worker.leaseSeconds),
        formerPools: former,
        leases,
        whyOrdered: (pool, generation) =>
          this.#sources.find((source) => source.pool.name === pool)?.log.whyOrdered(generation) ?? null,
        gpuSeconds: gpuSeconds[ALL_POOLS] ?? 0,
        rejected: Number(refused ?? 0) + refusedByPools(collected),
      },
    );
  }

  /** The newest transition records of all planners, as of the last `collect`. */
  records(): TransitionRecord[] {
    return this.#sources.flatMap(({ log }) => log.records);
  }

  async close(): Promise<void> {
    await Promise.all(this.#sources.map(({ queues }) => queues.close()));
  }

  async #collectPool(
    { pool, queues, ended, log, tally, profile }: PoolSource,
    nowMs: number,
    shared: {
      leases: readonly Lease[];
      failures: readonly WorkerFailure[];
      gpuSeconds: number;
      plannerBeat: string | undefined;
    },
  ): Promise<{ status: PoolStatus; startedMs: string | undefined }> {
    const { redis, keys, config } = this;
    const { first, last } = arrivalRange(nowMs, RATE_SECONDS);
    const [
      heartbeats,
      totals,
      { minute, tenMinutes },
      grant,
      desired,
      depth,
      hourAgo,
      dayAgo,
      writers,
      arrivals,
    ] = await Promise.all([
      redis.hvals(keys.heartbeats(pool.name)),
      redis.hgetall(totalsKey(keys, pool.name)),
      ended.read(nowMs),
      readGrant(redis, keys, pool.name),
      readDesired(redis, keys, pool.name),
      readQueueDepth(queues, pool, pool.expected.osl, nowMs),
      readMark(redis, keys, pool.name, nowMs, HOUR_SECONDS),
      readMark(redis, keys, pool.name, nowMs, DAY_SECONDS),
      redis.hgetall(writersKey(keys, pool.name)),
      readArrivals(redis, keys, pool.name, nowMs, RATE_SECONDS),
      log.read(),
    ]);
    const minuteSeconds = nowMs / 1000 - slotStart(nowMs - 60_000, LATENCY_SLOT_SECONDS);
    const { records } = log;
    const status = poolStatus(pool, config, {
      nowMs,
      heartbeats,
      depth,
      minute,
      minuteSeconds,
      tenMinutes,
      hourAgo,
      dayAgo,
      arrivals: knownArrivals(parseWriters(writers), arrivals.counts, first, last, nowMs),
      totals,
      grant,
      desired,
      ...shared,
      records,
      tally,
      profile,
    });
    return { status, startedMs: totals.startedMs };
  }
}

function refusedByPools(collected: readonly { status: PoolStatus }[]): number {
  return collected.reduce((sum, { status }) => sum + status.counts.refused, 0);
}

/** The status of the whole system at `nowMs` (Unix ms). Rejects when Redis does. */
export async function collectStatus(
  redis: Redis,
  keys: Keys,
  config: Config,
  nowMs: number,
): Promise<SystemStatus> {
  const collector = new StatusCollector(redis, keys, config);
  try {
    return await collector.collect(nowMs);
  } finally {
    await collector.close();
  }
}
