import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../support/pool.js';
import { TestSystem } from '../support/system.js';

const SLUICE = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));

let system: TestSystem;
let dataDir = '';
beforeAll(async () => {
  system = await TestSystem.start();
  dataDir = await mkdtemp(join(tmpdir(), 'sluice-second-'));
});
afterAll(async () => {
  await system.close();
  await rm(dataDir, { recursive: true, force: true });
});

it('a second `up` on one Redis says that another system is at work, and at its end claims only its own', async () => {
  const args = ['up', '-c', system.configFile, '--data', dataDir, '--port', '0'];
  const second = spawn(process.execPath, [SLUICE, ...args], {
    env: { ...process.env, REDIS_URL: system.redisUrl },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [second.stdout, second.stderr])
    stream.on('data', (chunk) => {
      said += String(chunk);
    });
  await until(() => said.includes('another planner acts for this pool'), 'the second is there', 90_000);
  expect(said).toContain(`another system is at work on namespace ${system.config.namespace}`);
  expect(system.said).not.toContain('another system is at work');
  // Its planners stand by for those of the first.
  await until(() => said.includes('sluice is up'), 'it is up', 90_000);
  second.kill('SIGINT');
  await until(() => second.exitCode !== null, 'it ends', 60_000);
  expect(said).toContain('no process of its own is left, and another system goes on');
  expect(said).not.toContain('no leased GPU is left');
});
