import { afterAll, afterEach, beforeAll, describe, test, vi } from 'vitest';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { GATEWAY } from './gateway.js';
import { HISTORY } from './history.js';
import { QUEUES } from './queues.js';
import { closeAll } from './redis.js';
import { WORKERS } from './workers.js';

let redis: TestRedis;
beforeAll(async () => {
  vi.stubEnv('SLUICE_LOG', 'silent');
  redis = await startTestRedis();
});
afterEach(closeAll);
afterAll(() => redis.stop());

describe('a flip of one field of the file, on Redis', () => {
  test.each([...QUEUES, ...WORKERS, ...GATEWAY, ...HISTORY])('$field: $says', ({ prove }) =>
    prove({ redisUrl: redis.url }),
  );
});
