import { pino } from 'pino';
import { expect, it } from 'vitest';
import type { Actuator } from '../../src/gpu/actuator.js';
import { FencedError } from '../../src/gpu/ledger.js';
import { stopAllWorkers } from '../../src/gpu/shutdown.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { startTestRedis } from '../support/redis.js';
import { gpuConfig } from './support.js';

/** One worker that lives until it is told to stop, and an allocator that may wait for it for an hour. */
async function scene() {
  const server = await startTestRedis();
  const redis = connect(server.url, 'plain');
  const config = gpuConfig('shutdown', { a: {} });
  config.worker.drainSeconds = 3600;
  let alive = true;
  const actuator: Actuator = {
    start: () => Promise.reject(new Error('not here')),
    adopt: () => {},
    stop: async () => {
      alive = false;
    },
    resume: async () => {},
    alive: () => alive,
    exitOf: () => null,
    known: () => ['w'],
    forget: () => {},
    logTail: async () => [],
    onExit: () => {},
  };
  const shared = {
    redis,
    keys: new Keys(config.namespace),
    config,
    actuator,
    log: pino({ level: 'silent' }),
  };
  const context = { ...shared, tp: {}, newId: () => 'n', configFile: null, dataDir: '', ownerPid: null };
  const close = async () => {
    redis.disconnect();
    await server.stop();
  };
  return { server, context, actuator, close };
}

it('does not wait for the drain time when Redis goes away in the middle of it', async () => {
  const { server, context, actuator, close } = await scene();
  let passes = 0;
  await stopAllWorkers(context, true, async () => {
    passes++;
    await server.stop();
    await actuator.stop('w', { drain: true });
    return Number(await context.redis.llen('what Redis does not answer any more'));
  });
  expect(passes).toBe(1);
  await close();
}, 60_000);

it('goes on while leases are left, and ends when another allocator acts', async () => {
  const { context, actuator, close } = await scene();
  const left = [2, 1, 0];
  await stopAllWorkers(context, true, async () => {
    if (left.length === 1) await actuator.stop('w', { drain: true });
    return left.shift() ?? 0;
  });
  expect(left).toEqual([]);
  await stopAllWorkers(context, true, () => Promise.reject(new FencedError('another acts')));
  await close();
}, 60_000);
