import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { RedisLedger } from '../../src/gpu/ledger.js';
import { holdLock } from '../../src/gpu/lock.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { startTestRedis } from '../support/redis.js';

const PROGRAM = fileURLToPath(new URL('../../dist/workers/vllm-worker.js', import.meta.url));
const CONFIG = `
worker: { heartbeat_seconds: 0.2, lease_seconds: 1 }
default_level: high
pools:
  high:
    engine:
      kind: openai
      command: sh -c 'trap "" TERM; while true; do sleep 0.1; done' {port}
      start_timeout_seconds: 1
`;

it('a worker whose engine did not get healthy shows that it lives until that engine is gone', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-failed-'));
  const configFile = join(dataDir, 'config.yaml');
  writeFileSync(configFile, CONFIG);
  const server = await startTestRedis();
  const redis = connect(server.url, 'plain');
  const keys = new Keys('sluice');
  const ledger = new RedisLedger(redis, keys, (await holdLock(redis, keys, 'me')) ?? 0);
  await ledger.configure([{ id: 'h:0', host: 'h', index: 0, island: 'h/0' }], {
    high: { guaranteed: 1, ceiling: 1, maxWorkers: 1 },
  });
  const of = { pool: 'high', role: 'vllm', workerId: 'w' } as const;
  await ledger.acquire({ ...of, leaseId: 'l', host: 'h', gpus: ['h:0'], generation: 1, leaseMs: 60_000 });
  const spec = { ...of, leaseId: 'l', gpus: ['h:0'], tp: 1, configFile, dataDir, ownerPid: null };
  const child = spawn(process.execPath, [PROGRAM, '--spec', JSON.stringify(spec)], {
    env: { ...process.env, REDIS_URL: server.url, SLUICE_LOG: 'error' },
    stdio: 'ignore',
  });
  const states = new Set<string>();
  try {
    const exited = once(child, 'exit', { signal: AbortSignal.timeout(60_000) });
    while (child.exitCode === null) {
      for (const text of await redis.hvals(keys.heartbeats('high'))) states.add(JSON.parse(text).state);
      await Promise.race([exited, new Promise((resolve) => setTimeout(resolve, 50))]);
    }
    expect(child.exitCode).toBe(1);
    // It heeds no SIGTERM, so that it takes five seconds to stop it: 25 beats.
    expect([...states]).toEqual(['starting', 'failed']);
  } finally {
    child.kill('SIGKILL');
    redis.disconnect();
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}, 90_000);
