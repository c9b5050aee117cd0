import type { Environment } from '../../config/environment.js';
import { assertRedis } from '../server-check.js';
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
    const url = environment.redisUrl;
    await assertRedis(url);
    return { url, server: null };
  }
  const binary = await findRedis(environment, log);
  const server = await startRedis({ dataDir: options.dataDir, port: options.port, log, binary });
  return { url: server.url, server };
}
