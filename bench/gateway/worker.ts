import { loadConfig } from '../../src/config/load.js';
import { createEngine } from '../../src/engines/create.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolWorker } from '../../src/scheduler/worker/pool-worker.js';
import { Recorder } from '../../src/telemetry/recorder.js';

/** The worker process of the gateway benchmark: `CONFIG POOL REDIS_URL`; the engine is the configuration's. */
const [file = '', name = '', redisUrl = ''] = process.argv.slice(2);
const config = loadConfig(file);
const pool = config.pools[name];
if (pool === undefined) throw new Error(`no pool ${name}`);
const keys = new Keys(config.namespace);
const redis = connect(redisUrl, 'plain');
const recorder = new Recorder(redis, keys);
recorder.start();
const engine = createEngine(pool, 'vllm', ['localhost:0']);
await engine.start(new AbortController().signal);
const log = (message: string) => void process.stderr.write(`worker: ${message}\n`);
const worker = new PoolWorker({
  workerId: 'bench',
  role: 'vllm',
  pool,
  config,
  engine,
  keys,
  redisUrl,
  redis,
  recorder,
  now: Date.now,
  log,
});
await worker.start(new AbortController().signal);
process.send?.('ready');
process.on('SIGTERM', () => process.exit(0));
process.on('disconnect', () => process.exit(0));
