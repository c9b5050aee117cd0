import type { Config } from '../../config/types.js';
import { connect } from '../../queues/connection.js';
import { Keys } from '../../queues/keys.js';

/** Removes what a system of its own namespace left on a Redis that others use too. */
export async function forgetNamespace(redisUrl: string, config: Config): Promise<void> {
  const redis = connect(redisUrl, 'plain');
  const { namespace, queues } = config;
  const requests = `${queues.requestsPrefix}:${new Keys(namespace).requestsQueue}:*`;
  try {
    for (const pattern of [`${namespace}:*`, `{${namespace}:*`, requests]) {
      let cursor = '0';
      do {
        const [next, found] = await redis.scan(cursor, 'MATCH', pattern, 'COUNT', 1000);
        if (found.length > 0) await redis.unlink(...found);
        cursor = next;
      } while (cursor !== '0');
    }
  } finally {
    redis.disconnect();
  }
}
