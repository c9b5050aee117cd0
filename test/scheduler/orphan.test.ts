import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const PROGRAM = fileURLToPath(new URL('../../dist/workers/vllm-worker.js', import.meta.url));
const CONFIG = fileURLToPath(new URL('../faults/system.yaml', import.meta.url));

it('a worker whose supervisor and Redis are gone before it was ready does not wait for the time that a drain may take', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'sluice-orphan-'));
  const configFile = join(dataDir, 'config.yaml');
  writeFileSync(configFile, readFileSync(CONFIG, 'utf8').replace('drain_seconds: 30', 'drain_seconds: 600'));
  // A port that was free a moment ago, and a process that was there.
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  const gone = spawnSync(process.execPath, ['-e', '']).pid;
  const spec = {
    ...{ workerId: 'high-vllm-1', pool: 'high', role: 'vllm', leaseId: 'l1', gpus: ['localhost:0'], tp: 1 },
    ...{ configFile, dataDir, ownerPid: gone },
  };
  const child = spawn(process.execPath, [PROGRAM, '--spec', JSON.stringify(spec)], {
    env: { ...process.env, REDIS_URL: `redis://127.0.0.1:${port}`, SLUICE_LOG: 'error' },
    stdio: 'ignore',
  });
  try {
    const [code] = await once(child, 'exit', { signal: AbortSignal.timeout(60_000) });
    expect(code).toBe(1);
  } finally {
    child.kill('SIGKILL');
    rmSync(dataDir, { recursive: true, force: true });
  }
});
