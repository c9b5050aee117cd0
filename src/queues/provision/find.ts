import { join } from 'node:path';
import type { Environment } from '../../config/environment.js';
import { SluiceError } from '../../contract/errors.js';
import { fetchRedis } from './apt.js';
import { isExecutable, isRecent, OLDEST, type Progress, type RedisBinary, redisVersion } from './binary.js';

/**
 * Finds a Redis server: `redis-server` or `valkey-server` on PATH, else one fetched without root into the cache folder.
 * @throws SluiceError no_redis, naming what was tried and how to install one.
 */
export async function findRedis(
  environment: Environment,
  progress: Progress = () => {},
): Promise<RedisBinary> {
  const tried: string[] = [];
  for (const name of ['redis-server', 'valkey-server']) {
    for (const folder of environment.searchPath) {
      const path = join(folder, name);
      if (!(await isExecutable(path))) continue;
      const version = await redisVersion(path, null);
      if (version !== null && isRecent(version)) return { path, version, libraryPath: null };
      tried.push(
        version === null ? `${path} does not run` : `${path} is ${version}, older than ${OLDEST.join('.')}`,
      );
    }
  }
  if (tried.length === 0) tried.push('no redis-server or valkey-server on PATH');
  try {
    return await fetchRedis(environment, progress);
  } catch (error) {
    tried.push(error instanceof Error ? error.message : String(error));
  }
  throw noRedis(tried);
}

function noRedis(tried: string[]): SluiceError {
  return new SluiceError(
    'no_redis',
    [
      `no Redis to run on (${tried.join('; ')}). Do one of:`,
      '  Debian, Ubuntu:  sudo apt-get install redis-server',
      '  macOS:           brew install redis',
      '  Docker:          docker run -d -p 6379:6379 redis:7 redis-server --appendonly yes --maxmemory-policy noeviction',
      '                   and set REDIS_URL=redis://127.0.0.1:6379',
    ].join('\n'),
  );
}
