import { Redis } from 'ioredis';
import type { Environment } from '../../config/environment.js';
import { SluiceError } from '../../contract/errors.js';
import type { Progress } from './binary.js';
import { findRedis } from './find.js';
import { type RunningRedis, startRedis } from './server.js';

/** The Redis to use: someone else's (`server` is null), or one that was started here and must be stopped. */
export interface ResolvedRedis {
  url: string;
  server: RunningRedis | null;
}

/**
 * The Redis that REDIS_URL names, after it answered; without REDIS_URL one is started on `dataDir`.
 * @throws SluiceError no_redis (unreachable, or none to start), already_running, port_in_use.
 */
export async function resolveRedis(options: {
  dataDir: string;
  environment: Environment;
  port?: number | undefined;
  log?: Progress | undefined;
}): Promise<ResolvedRedis> {
  const { environment, log } = options;
  if (environment.redisUrl !== null) {
    await pingRedis(environment.redisUrl);
    return { url: environment.redisUrl, server: null };
  }
  const binary = await findRedis(environment, log);
  const server = await startRedis({ dataDir: options.dataDir, port: options.port, log, binary });
  return { url: server.url, server };
}

/** @throws SluiceError no_redis, naming the URL (without its password) and the reason. */
export async function pingRedis(url: string): Promise<void> {
  if (!/^rediss?:\/\//.test(url)) {
    throw new SluiceError(
      'no_redis',
      `REDIS_URL: expected redis://HOST:PORT or rediss://HOST:PORT, got "${hidePassword(url)}"`,
    );
  }
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5_000,
    commandTimeout: 5_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let reason = '';
  redis.on('error', (error) => {
    reason ||= error.message;
  });
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    reason ||= error instanceof Error ? error.message : String(error);
    throw new SluiceError(
      'no_redis',
      `the Redis at ${hidePassword(url)} (REDIS_URL) does not answer: ${reason}. Start it, or unset REDIS_URL to have one started`,
    );
  } finally {
    redis.disconnect();
  }
}

function hidePassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, '//***@');
}
