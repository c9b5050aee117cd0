import { afterEach, expect, it } from 'vitest';
import { readLeases } from '../../src/gpu/state.js';
import { connect } from '../../src/queues/connection.js';
import { startRedis } from '../../src/queues/provision/server.js';
import { until } from '../support/pool.js';
import { askMany, expectComplete } from '../support/requests.js';
import { TestSystem } from '../support/system.js';

let system: TestSystem;
afterEach(() => system.close());

/** In the ledger that a system has left. */
async function expectNoLease(): Promise<void> {
  const server = await startRedis({ dataDir: system.dataDir });
  const redis = connect(server.url, 'plain');
  expect(await readLeases(redis, system.keys)).toEqual([]);
  expect(await redis.hgetall(system.keys.gpu('held'))).toEqual({});
  redis.disconnect();
  await server.stop();
}

it('Ctrl-C twice: no request is waited for, no process and no lease is left, and the requests complete in the next system', async () => {
  system = await TestSystem.start('system.yaml', (yaml) =>
    yaml.replace('drain_seconds: 30', 'drain_seconds: 600'),
  );
  await system.ready('high', 1);
  const first = await system.client();
  const open = await askMany(first, 'twice', 16, { max_tokens: 900 });
  await until(() => open.filter((one) => one.tokens.length > 5).length >= 4, 'some run, some wait');
  process.kill(system.supervisorPid, 'SIGINT');
  await until(() => system.said.includes('Ctrl-C again'), 'it stops');
  process.kill(system.supervisorPid, 'SIGINT');
  expect(await system.upEnded(60)).toBe(0);
  expect(system.processList()).toEqual([]);
  await first.close();
  await expectNoLease();

  await system.up();
  const again = await askMany(await system.client(), 'twice', 16, { max_tokens: 900 });
  await expectComplete(again);
  await system.expectSound(again);
});

it('Ctrl-C under load: exit 0, no process, no lease; what was queued or cut completes in the next system', async () => {
  system = await TestSystem.start('system.yaml', (yaml) =>
    yaml.replace('drain_seconds: 30', 'drain_seconds: 1'),
  );
  await system.ready('high', 1);
  const first = await system.client();
  const open = await askMany(first, 'open', 16, { max_tokens: 900 });
  await until(() => open.filter((one) => one.tokens.length > 5).length >= 4, 'some run, some wait');
  process.kill(system.supervisorPid, 'SIGINT');
  expect(await system.upEnded(60)).toBe(0);
  expect(system.processList()).toEqual([]);
  expect(system.said).toContain('no process and no leased GPU is left');
  await first.close();

  await expectNoLease();

  await system.up();
  const again = await askMany(await system.client(), 'open', 16, { max_tokens: 900 });
  await expectComplete(again);
  await system.expectSound(again);
});
