import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import type { Lease } from '../../src/contract/lease.js';
import type { ControlMessage } from '../../src/contract/reply.js';
import { heartbeatSchema } from '../../src/contract/worker.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { fakeServer } from '../support/openai-engine.js';
import { until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const PROGRAM = fileURLToPath(new URL('../../dist/workers/vllm-worker.js', import.meta.url));
const CONFIG = fileURLToPath(new URL('../faults/system.yaml', import.meta.url));
const ENGINE = '{ kind: sim, cold_start_seconds: 1, max_sequences: 8, seed: 1 }';
const LEASE: Lease = {
  ...{ leaseId: 'l1', pool: 'high', role: 'vllm', workerId: 'w', host: 'localhost', gpus: ['localhost:0'] },
  ...{ state: 'starting', generation: 1, sinceMs: 0, stateSinceMs: 0, leaseMs: 3_600_000, expiresAtMs: 0 },
};

let server: TestRedis;
let redis: Redis;
let dataDir: string;
let client: SluiceClient;
let keys: Keys;
let worker: ChildProcess;
let said: string;
const closing: (() => unknown)[] = [];

beforeEach(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  dataDir = mkdtempSync(join(tmpdir(), 'sluice-worker-'));
});
afterEach(async () => {
  worker.kill('SIGKILL');
  for (const close of closing.splice(0)) await close();
  redis.disconnect();
  await server.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

/** A worker process of the pool `high` on a lease of its own, its engine as given. */
async function startWorker(engine: string): Promise<void> {
  const configFile = join(dataDir, 'config.yaml');
  writeFileSync(configFile, readFileSync(CONFIG, 'utf8').replace(ENGINE, engine));
  const config = loadConfig(configFile);
  keys = new Keys(config.namespace);
  client = await SluiceClient.open(config, server.url);
  closing.push(() => client.close());
  await redis.hset(keys.gpu('leases'), LEASE.leaseId, JSON.stringify(LEASE));
  const { workerId, pool, role, leaseId, gpus } = LEASE;
  const spec = { workerId, pool, role, leaseId, gpus, tp: 1, configFile, dataDir, ownerPid: null };
  worker = spawn(process.execPath, [PROGRAM, '--spec', JSON.stringify(spec)], {
    env: { ...process.env, REDIS_URL: server.url, SLUICE_LOG: 'info' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  said = '';
  worker.stdout?.on('data', (text: Buffer) => {
    said += text.toString();
  });
}

async function state(): Promise<string | undefined> {
  const text = await redis.hget(keys.heartbeats('high'), LEASE.workerId);
  return text === null ? undefined : heartbeatSchema.parse(JSON.parse(text)).state;
}

it('a drain that comes when the engine is ready and the worker still waits for Redis ends it, with no request taken', async () => {
  const engine = await fakeServer(() => {}, { '/health': 503 });
  closing.push(() => engine.close());
  await startWorker(
    `{ kind: openai, urls: ["${engine.url}"], served_model: m, profile: llama-3.1-8b-fp8-h100 }`,
  );
  const asked = await client.submit({ id: 'r', prompt: 'why', max_tokens: 5, slo_level: 'high' });
  asked.done.catch(() => {});
  let looks = 0;
  let healthy = false;
  Object.defineProperty(engine.gets, '/health', {
    get: () => {
      looks++;
      return healthy ? '' : 503;
    },
  });
  await until(async () => looks > 0 && (await state()) === 'starting', 'it waits for its engine');
  process.kill(server.pid, 'SIGSTOP');
  try {
    looks = 0;
    healthy = true;
    // The look after the one by which the engine had started.
    await until(() => looks >= 2, 'the engine is ready');
    worker.kill('SIGTERM');
    await until(() => said.includes('"drain"'), 'it was told');
  } finally {
    process.kill(server.pid, 'SIGCONT');
  }
  const [code] = await once(worker, 'exit', { signal: AbortSignal.timeout(30_000) });
  expect(code).toBe(0);
  expect(engine.seen).toEqual([]);
  expect((await client.find('r'))?.lookup).toEqual({ state: 'open', phase: 'queued' });
  expect(await redis.hlen(keys.gpu('leases'))).toBe(0);
});

it('a drain taken back while Redis is full leaves the worker its requests', async () => {
  await startWorker(ENGINE);
  await until(async () => (await state()) === 'ready', 'it is ready');
  await client.submit({ id: 'r', prompt: 'why', max_tokens: 8000, slo_level: 'high' });
  await until(
    async () => (await client.find('r'))?.lookup.state === 'open' && (await holds()) > 0,
    'it runs',
  );
  worker.kill('SIGTERM');
  await until(async () => (await state()) === 'draining', 'it drains');
  await redis.config('SET', 'maxmemory', '1mb');
  const before = await refusals();
  worker.kill('SIGUSR2');
  await until(() => said.includes('drain taken back'), 'it was told');
  await until(async () => (await refusals()) > before + 3 || worker.exitCode !== null, 'beats are refused');
  await redis.config('SET', 'maxmemory', '0');
  await until(async () => (await state()) === 'ready' || worker.exitCode !== null, 'it beats again');
  expect(worker.exitCode).toBeNull();
  expect(await holds()).toBe(1);
});

it('a drain over the control channel is taken back there', async () => {
  await startWorker(ENGINE);
  await until(async () => (await state()) === 'ready', 'it is ready');
  await client.submit({ id: 'r', prompt: 'why', max_tokens: 8000, slo_level: 'high' });
  await until(async () => (await holds()) > 0, 'it runs');
  const tell = (message: ControlMessage) => redis.publish(keys.control('high'), JSON.stringify(message));
  await tell({ type: 'drain', workerId: LEASE.workerId, now: false });
  await until(async () => (await state()) === 'draining', 'it drains');
  await tell({ type: 'keep', workerId: LEASE.workerId });
  await until(async () => (await state()) === 'ready', 'it serves on');
  expect(await holds()).toBe(1);
});

/** Requests that the worker holds, by its last beat. */
async function holds(): Promise<number> {
  const text = await redis.hget(keys.heartbeats('high'), LEASE.workerId);
  return text === null ? 0 : heartbeatSchema.parse(JSON.parse(text)).activeRequests;
}

/** Commands that Redis refused since it is full. */
async function refusals(): Promise<number> {
  return Number(/errorstat_OOM:count=(\d+)/.exec(await redis.info('errorstats'))?.[1] ?? 0);
}
