import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { readLeases } from '../../src/gpu/state.js';
import { connect } from '../../src/queues/connection.js';
import { startRedis } from '../../src/queues/provision/server.js';
import type { SluiceClient } from '../../src/scheduler/client.js';
import { until } from '../support/pool.js';
import { askMany, expectComplete } from '../support/requests.js';
import { TestSystem } from '../support/system.js';

const SLUICE = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));
let started: TestSystem | undefined;
afterEach(async () => {
  await started?.close();
  started = undefined;
});

/** Ids of processes that name a data folder, on Linux. */
function processesOf(dataDir: string): string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').filter((id) => {
    try {
      return /^\d+$/.test(id) && readFileSync(`/proc/${id}/cmdline`, 'utf8').includes(dataDir);
    } catch {
      return false; // it ended meanwhile
    }
  });
}

/** In the ledger that a system has left. */
async function expectNoLease(system: TestSystem): Promise<void> {
  const server = await startRedis({ dataDir: system.dataDir });
  const redis = connect(server.url, 'plain');
  expect(await readLeases(redis, system.keys)).toEqual([]);
  expect(await redis.hgetall(system.keys.gpu('held'))).toEqual({});
  redis.disconnect();
  await server.stop();
}

it('Ctrl-C while it starts: what has begun ends at once, and no process is left', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'sluice-start-'));
  const up = spawn(process.execPath, [SLUICE, 'up', '--port', '0', '--data', dataDir]);
  let said = '';
  for (const stream of [up.stdout, up.stderr]) stream.on('data', (chunk) => (said += String(chunk)));
  try {
    await until(() => existsSync(join(dataDir, 'run.json')), 'its Redis is there', 60_000);
    expect(said).not.toContain('sluice is up');
    up.kill('SIGINT');
    await until(() => up.exitCode !== null, 'it ends', 45_000);
    expect(up.exitCode).toBe(0);
    expect(said).toContain('no process and no leased GPU is left');
    expect(said).not.toContain('sluice is up');
    expect(processesOf(dataDir)).toEqual([]);
  } finally {
    up.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  }
});

/** A system under load, some of which runs and some waits; workers may drain for so many seconds. */
async function underLoad(drainSeconds: number): Promise<{ system: TestSystem; client: SluiceClient }> {
  const system = await TestSystem.start('system.yaml', (yaml) =>
    yaml.replace('drain_seconds: 30', `drain_seconds: ${drainSeconds}`),
  );
  started = system;
  await system.ready('high', 1);
  const client = await system.client();
  const open = await askMany(client, 'open', 16, { max_tokens: 900 });
  await until(() => open.filter((one) => one.tokens.length > 5).length >= 4, 'some run, some wait');
  return { system, client };
}

/** It has ended and left nothing, and what it had in hand completes in the next one. */
async function expectGoesOn(system: TestSystem, client: SluiceClient): Promise<void> {
  expect(await system.upEnded(60)).toBe(0);
  expect(system.processList()).toEqual([]);
  expect(system.said).toContain('no process and no leased GPU is left');
  await client.close();
  await expectNoLease(system);
  await system.up();
  const again = await askMany(await system.client(), 'open', 16, { max_tokens: 900 });
  await expectComplete(again);
  await system.expectSound(again);
}

it('Ctrl-C twice: no request is waited for, no process and no lease is left, and the requests complete in the next system', async () => {
  const { system, client } = await underLoad(600);
  process.kill(system.supervisorPid, 'SIGINT');
  await until(() => system.said.includes('Ctrl-C again'), 'it stops');
  process.kill(system.supervisorPid, 'SIGINT');
  await expectGoesOn(system, client);
});

it('Ctrl-C under load: exit 0, no process, no lease; what was queued or cut completes in the next system', async () => {
  const { system, client } = await underLoad(1);
  process.kill(system.supervisorPid, 'SIGINT');
  await expectGoesOn(system, client);
});
