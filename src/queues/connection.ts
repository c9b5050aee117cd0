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
    // A restarted server that still reads its AOF answers LOADING; a replica that took over answers READONLY.
    reconnectOnError: (error) => (/^(READONLY|LOADING)/.test(error.message) ? 2 : false),
  });
  // Outages show as waiting commands and stale heartbeats; without a listener each would end the process.
  redis.on('error', () => {});
  return gatherWrites(redis);
}

/** Errors: `no_redis`, naming the address, when no server answers a PING within the time-out. */
export async function assertRedis(url: string, timeoutMs = 5000): Promise<void> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  redis.on('error', () => {});
  let timer: NodeJS.Timeout | undefined;
  try {
    await Promise.race([
      redis.connect().then(() => redis.ping()),
      new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
      }),
    ]);
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    // A server that can write no more answers a PING like this; what writes hears of it by `redisError`.
    if (cause.startsWith('MISCONF')) return;
    throw new SluiceError(
      'no_redis',
      `expected a Redis server at ${redactUrl(url)}, got: ${cause}. Start one, or unset REDIS_URL and let \`sluice up\` start its own.`,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
    redis.disconnect();
  }
}

/** What a failed command means for a user: `redis_full` when the server refuses writes. */
export function redisError(error: unknown): SluiceError {
  const message = messagesOf(error);
  if (/MISCONF|OOM|No space left/.test(message)) {
    return new SluiceError(
      'redis_full',
      `Redis refuses writes, so the request was not accepted; free disk or memory there and send it again. Redis said: ${message}`,
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

/** The address without user and password. */
export function redactUrl(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//***@');
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
