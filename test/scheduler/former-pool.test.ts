import { afterAll, beforeAll, expect, it } from 'vitest';
import { cancelCommand } from '../../src/cli/cancel.js';
import { doctorCommand } from '../../src/cli/doctor.js';
import { renderStatus } from '../../src/cli/status/render.js';
import type { Config } from '../../src/config/types.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { collectStatus } from '../../src/telemetry/status.js';
import { testConfig } from '../support/pool.js';
import { printed } from '../support/printed.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const ADVICE =
  /3 requests wait in pool old, which the configuration no longer has; put the pool back, or .*--pool old/;
let redis: TestRedis;

beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());

/** The presets, whose pool `high` goes by another name. */
function renamed(name: string): Config {
  return testConfig((config) => {
    const { high, ...others } = config.pools;
    config.pools = { [name]: { ...high!, name }, ...others };
  });
}

it('requests of a pool that was renamed are named, found and cancelled', async () => {
  const before = await SluiceClient.open(renamed('old'), redis.url);
  const ids: string[] = [];
  for (let k = 0; k < 4; k++) {
    const handle = await before.submit({ prompt: 'hello', slo_level: 'high', max_tokens: 1 });
    handle.done.catch(() => {});
    ids.push(handle.id);
  }
  await before.close();

  const config = renamed('high');
  const client = await SluiceClient.open(config, redis.url);
  const plain = connect(redis.url, 'plain');
  // One was taken by a worker that died since.
  const keys = new Keys(config.namespace);
  const queue = `${keys.poolPrefix('old')}:${keys.decodeQueue('old')}`;
  expect(await plain.zrem(`${queue}:prioritized`, ids[3]!)).toBe(1);
  await plain.lpush(`${queue}:active`, ids[3]!);
  try {
    expect(await client.formerPools()).toEqual([{ name: 'old', open: 4 }]);
    expect(await client.find(ids[0]!)).toMatchObject({
      request: { pool: 'old' },
      lookup: { state: 'open', phase: 'queued' },
    });
    expect(await client.cancel(ids[0]!)).toBe('cancelled');
    expect(await client.find(ids[0]!)).toMatchObject({ lookup: { outcome: { kind: 'cancelled' } } });

    const status = await collectStatus(plain, keys, config, Date.now());
    expect(renderStatus(status, { color: false, width: 400 })).toMatch(ADVICE);
    process.env.REDIS_URL = redis.url;
    const { out } = await printed(doctorCommand(), '--json');
    expect(JSON.parse(out)).toContainEqual({
      ...{ name: 'pool old', ok: false, found: expect.stringMatching(ADVICE) },
    });

    await expect(client.cancelFormer('high')).rejects.toMatchObject({ code: 'invalid_request' });
    expect(await client.cancelFormer('old')).toBe(3);
    expect(await client.formerPools()).toEqual([]);
    expect(await client.find(ids[3]!)).toMatchObject({ lookup: { outcome: { kind: 'cancelled' } } });
    const neither = cancelCommand().parseAsync(['node', 'cancel']);
    await expect(neither).rejects.toMatchObject({ code: 'invalid_request' });
  } finally {
    delete process.env.REDIS_URL;
    process.exitCode = 0;
    plain.disconnect();
    await client.close();
  }
}, 60_000);
