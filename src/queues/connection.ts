import type { WorkerOptions } from 'bullmq';
import { Redis } from 'ioredis';
import type { QueueConfig } from '../config/types.js';
import { SluiceError } from '../contract/errors.js';
import { gatherWrites } from './gather-writes.js';

/**
 * `plain`: commands and scripts of our own. `reader`: asks much at once; what is asked in one turn of the event loop goes in
 * one write. `producer`: adds jobs. `worker`: a BullMQ worker's (blocks). `subscriber`: pub/sub. All of them wait out an outage and resend what was not answered: every command that
 * we send is idempotent by request id, generation, lease or fence.
 */
export type ConnectionKind = 'plain' | 'reader' | 'producer' | 'worker' | 'subscriber';

const LEAST_STAND_MS = 1000;

/**
 * Opens a connection that reconnects for ever, at most a second apart. Never throws for an absent server: use
 * `assertRedis` first where a user should hear of it.
 */
export function connect(url: string, kind: ConnectionKind): Redis {
  const redis = new Redis(url, {
    maxRetriesPerRequest: null,
    enableOfflineQueue: true,
    enableAutoPipelining: kind === 'reader',
    autoResubscribe: true,
    connectionName: `sluice-${kind}`,
    retryStrategy: (attempt) => Math.min(50 * 2 ** Math.min(attempt, 5), 1000),
  });
  // Outages show as waiting commands and stale heartbeats; without a listener each would end the process.
  redis.on('error', () => {});
  return prepared(redis);
}

/** Also duplicates of it: BullMQ makes two for each worker. */
function prepared(redis: Redis): Redis {
  gatherWrites(redis);
  moveOn(redis);
  const duplicate = redis.duplicate.bind(redis);
  redis.duplicate = (override) => prepared(duplicate(override));
  return redis;
}

/**
 * A restarted server that still reads its AOF answers LOADING, one that became a replica READONLY: the connection is made
 * anew, since another server may have the address by now, and what was refused is sent again. A connection that stands for
 * less than a second is left: there the command fails, so that a replica that stays one is not stormed.
 */
function moveOn(redis: Redis): void {
  let readyAtMs = 0;
  redis.on('ready', () => {
    readyAtMs = performance.now();
  });
  redis.options.reconnectOnError = (error) => {
    if (!/^(READONLY|LOADING)/.test(error.message)) return false;
    const young = redis.status === 'ready' && performance.now() - readyAtMs < LEAST_STAND_MS;
    return young ? false : 2;
  };
}

/** What a failed command means for a user: `redis_full` when the server has no room, `no_redis` when it is a replica. */
export function redisError(error: unknown): SluiceError {
  if (error instanceof SluiceError) return error;
  const message = messagesOf(error);
  if (/MISCONF|OOM|No space left/.test(message)) {
    return new SluiceError(
      'redis_full',
      `Redis refuses writes, so the request was not accepted; free disk or memory there and send it again. Redis said: ${message}`,
      { cause: error },
    );
  }
  if (/READONLY/.test(message)) {
    return new SluiceError(
      'no_redis',
      `Redis is a read-only replica, so the request was not accepted; send it again once its master is back. Redis said: ${message}`,
      { cause: error },
    );
  }
  return SluiceError.from(error);
}

/** A transaction that was given up tells why in the errors of its commands. */
function messagesOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const before: unknown = Reflect.get(error, 'previousErrors');
  return [error, ...(Array.isArray(before) ? before : [])]
    .map((one) => one.message ?? String(one))
    .join('; ');
}

/**
 * Options of every BullMQ worker: short locks, so that the jobs of a killed process run again after about
 * `lockSeconds`, and no limit on how often that may happen: a request is never failed for the deaths of others.
 */
export function workerOptions(
  queues: QueueConfig,
): Pick<
  WorkerOptions,
  'lockDuration' | 'lockRenewTime' | 'stalledInterval' | 'maxStalledCount' | 'drainDelay' | 'runRetryDelay'
> {
  const lockDuration = Math.round(queues.lockSeconds * 1000);
  return {
    lockDuration,
    lockRenewTime: Math.round(lockDuration / 3),
    stalledInterval: Math.max(250, Math.round(lockDuration / 3)),
    maxStalledCount: 1_000_000,
    drainDelay: 2,
    runRetryDelay: 500,
  };
}
