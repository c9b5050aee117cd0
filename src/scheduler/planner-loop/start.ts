import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { SluiceError } from '../../contract/errors.js';
import { workerSizes } from '../../gpu/worker-size.js';
import { explainFeasibility, poolQuestion } from '../../planning/feasibility/pool.js';
import { policyOf } from '../../planning/policy.js';
import { floorOf } from '../../planning/replicas.js';
import { loadProfile } from '../../profile/load.js';
import { connect } from '../../queues/connection.js';
import { Keys } from '../../queues/keys.js';
import { PoolQueues } from '../../queues/pool-queues.js';
import { collectObservation } from '../../telemetry/observe.js';
import type { RoleContext } from '../role.js';
import { Inspection } from './inspection.js';
import { PlannerLoop } from './loop.js';
import { PlannerMind } from './mind.js';
import { Outbox } from './outbox.js';
import { restorePlanner } from './restore.js';
import { roundTimes } from './round-time.js';
import { sloBlock } from './slo-block.js';
import { PlannerStore } from './store.js';

/** A planner that was killed is succeeded after so many fast intervals, and at least after so long. */
const LOCK_INTERVALS = 3;
const MIN_LOCK_MS = 3000;
/** Redis may be gone when a planner is told to stop. */
const STOP_GRACE_MS = 1000;

/**
 * Starts the planner of one pool in this process and tells its SLO configuration, to the log and, for a reader, line
 * by line to `print`. Returns what stops it. Errors: `invalid_config` for an unknown pool or an unusable profile.
 */
export function startPlanner(
  poolName: string | undefined,
  {
    config,
    redisUrl,
    log,
    inspect,
    registry,
  }: Pick<RoleContext, 'config' | 'redisUrl' | 'log' | 'inspect' | 'registry'>,
  print: (line: string) => void,
): () => Promise<void> {
  const pool = poolName === undefined ? undefined : config.pools[poolName];
  if (pool === undefined || !Object.hasOwn(config.pools, pool.name)) {
    const known = Object.keys(config.pools).join(', ');
    throw new SluiceError('invalid_config', `expected a pool out of ${known}, got ${poolName ?? 'none'}`);
  }
  const sizes = workerSizes(pool);
  const tp = { prefill: sizes.prefill.tp, decode: sizes.vllm.tp };
  const profile = pool.engine.kind === 'noop' ? null : loadProfile(pool.engine.profile);
  const policy = policyOf(config, pool, tp);
  // Fails here, not in the loop, where the profile has no law for the configured tensor parallelism.
  new PlannerMind(pool, policy, profile);
  const question = profile === null ? null : poolQuestion(pool, profile, tp);
  const promise = question === null ? null : explainFeasibility(question);
  const block = sloBlock(pool, sizes, promise?.sentence ?? null);
  log.info(block.fields, 'SLO configuration');
  for (const line of block.lines) print(line);
  if (promise?.verdict.feasible === false)
    log.warn({ pool: pool.name, why: promise.sentence }, 'promise out of reach');
  for (const why of profile?.notes ?? []) log.warn({ pool: pool.name, why }, 'law of the profile in doubt');

  const keys = new Keys(config.namespace);
  const redis = connect(redisUrl, 'plain');
  const producer = connect(redisUrl, 'producer');
  const queues = new PoolQueues(pool.name, keys, producer);
  const outbox = new Outbox(producer, keys, pool.priority);
  const id = `planner-${pool.name}-${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  const lockMs = Math.max(MIN_LOCK_MS, LOCK_INTERVALS * policy.fastIntervalSeconds * 1000);
  const store = new PlannerStore(redis, keys, pool.name, id, Math.round(lockMs), {
    transitions: config.planner.transitionsKept,
    decisions: config.planner.decisionsKept,
    hours: config.planner.historyKeptHours,
  });
  const startedAtMs = Date.now();
  const inspection = inspect === null ? undefined : new Inspection(inspect, id, pool.name, log);
  const loop = new PlannerLoop({
    policy,
    store,
    outbox,
    observe: async (nowMs) => {
      const seen = await collectObservation(redis, keys, pool, config, nowMs, queues);
      // The last prefill workers of a pool that changed its form are gone, or will not take more: nothing waits for them.
      if (pool.disaggregation.enabled === 'auto' && seen.workers.prefill.ready === 0) {
        const moved = await queues.serveWhole();
        if (moved > 0) log.info({ pool: pool.name, moved }, 'no prefill worker is ready: served whole');
      }
      return seen;
    },
    restore: async (nowMs) => {
      const begin = await restorePlanner(pool.name, { redis, keys, store, outbox, log }, nowMs);
      return { ...begin, mind: new PlannerMind(pool, policy, profile, await store.loadMind()) };
    },
    beat: async ({ state, memory }, atMs, { rps, capacityRps, forecastRps, forecastSd, horizonSeconds }) => {
      const plan = { rps, capacityRps, forecastRps, forecastSd, horizonSeconds };
      const holds = {
        floor: floorOf(memory.floor ?? policy.minWorkers, policy).decode,
        advisory: memory.advisory ?? policy.advisory,
      };
      const who = { role: 'planner', id, pool: pool.name, pid: process.pid, host: hostname() };
      const role = { ...who, state, plan, holds };
      await redis.hset(keys.roles(), `planner-${pool.name}`, JSON.stringify({ ...role, startedAtMs, atMs }));
    },
    clock: Date.now,
    timed: registry === undefined ? undefined : roundTimes(registry, pool.name),
    log,
    inspection,
  });
  loop.start();
  return async () => {
    inspection?.close();
    const farewell = loop
      .stop()
      .then((acted) => (acted ? redis.hdel(keys.roles(), `planner-${pool.name}`) : 0))
      .catch(() => 0);
    await Promise.race([farewell, new Promise((resolve) => setTimeout(resolve, STOP_GRACE_MS).unref())]);
    redis.disconnect();
    producer.disconnect();
  };
}
