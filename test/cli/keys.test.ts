import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { keysCommand } from '../../src/cli/keys.js';
import { printed } from '../support/printed.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
beforeAll(async () => {
  server = await startTestRedis();
  vi.stubEnv('REDIS_URL', server.url);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server.stop();
});

it.each(['a\nb', 'a\tb', '\x1b[2J', 'a\u202eb', 'a\u2028b'])(
  'takes no name that would break the table: %j',
  async (name) => {
    const create = printed(keysCommand(), 'create', '--tenant', 't', '--name', name);
    await expect(create).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('--name: expected one line without control characters'),
    });
  },
);

it('takes any other', async () => {
  await printed(keysCommand(), 'create', '--tenant', 't', '--name', 'Zoë, büro 2');
  const { out } = await printed(keysCommand(), 'list');
  expect(out).toContain('Zoë, büro 2');
});
