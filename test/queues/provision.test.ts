import { afterEach, expect, test } from 'vitest';
import { startTestRedis } from '../support/redis.js';
test('starts', async () => {
  const redis = await startTestRedis();
  console.log(redis.url, redis.pid);
  process.kill(redis.pid, 'SIGKILL');
  await redis.restart();
  await redis.stop();
}, 60000);
