import { Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { createNoopEngine } from '../../src/engines/noop.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolWorker } from '../../src/scheduler/worker/pool-worker.js';
import { Recorder } from '../../src/telemetry/recorder.js';
import { BARE_QUEUE, benchConfig, POOL, retentionOfBoth } from './setup.js';

/**
 * The serving process of the overhead benchmark: `bare` is a BullMQ worker with a no-op processor, `sluice` is a
 * pool worker with the no-op engine and its telemetry on.
 */
const [kind = '', redisUrl = ''] = process.argv.slice(2);
const config = benchConfig();

if (kind === 'bare') {
  const worker = new Worker(BARE_QUEUE, async () => 'ok', {
    connection: new Redis(redisUrl, { maxRetriesPerRequest: null }),
    concurrency: 100,
    ...retentionOfBoth(config),
  });
  await worker.waitUntilReady();
} else {
  const keys = new Keys(config.namespace);
  const redis = connect(redisUrl, 'plain');
  const recorder = new Recorder(redis, keys);
  recorder.start();
  const pool = config.pools[POOL];
  if (pool === undefined) throw new Error('no pool');
  const worker = new PoolWorker({
    workerId: 'bench',
    role: 'vllm',
    pool,
    config,
    engine: createNoopEngine(),
    keys,
    redisUrl,
    redis,
    recorder,
    now: Date.now,
    log: (message) => process.stderr.write(`${message}\n`),
  });
  await worker.start(new AbortController().signal);
}
process.send?.('ready');
// The parent ends this process; when the parent is gone, so is the channel.
process.on('disconnect', () => process.exit(0));
