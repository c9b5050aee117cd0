import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Offer, RunView } from '../../src/dashboard/what-if/view.js';
import type { Gateway } from '../../src/gateway/gateway.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { Recorder } from '../../src/telemetry/recorder.js';
import { createKey } from '../../src/tenants/key-store.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway, post } from './support.js';

// Simulations stand back for all else, on a busy machine far.
vi.setConfig({ testTimeout: 240_000 });

let server: TestRedis;
let redis: Redis;
let gateway: Gateway;
const folder = mkdtempSync(join(tmpdir(), 'sluice-traces-'));
const config = gatewayConfig((change) => {
  change.gateway.traces = folder;
});

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  const rows = Array.from({ length: 120 }, (_, n) =>
    JSON.stringify({ at_seconds: n / 2, isl: 500, osl: 50, ...(n < 30 ? { slo_level: 'high' } : {}) }),
  );
  writeFileSync(join(folder, 'own.jsonl'), `${rows.join('\n')}\nbroken\n`);
  writeFileSync(join(folder, 'none.txt'), 'no trace at all\n');
  symlinkSync('/etc/hostname', join(folder, 'link'));
  gateway = await openGateway(server.url, config);
});
afterAll(async () => {
  await gateway.close();
  redis.disconnect();
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const path = '/dashboard/what-if';

async function offer(): Promise<Offer> {
  return (await (await fetch(`${gateway.url}${path}`)).json()) as Offer;
}

async function start(body: unknown): Promise<{ status: number; run: RunView; message: string }> {
  const response = await post(`${gateway.url}${path}/run`, body);
  const answer = (await response.json()) as { run: RunView; error?: { message: string } };
  return { status: response.status, run: answer.run, message: answer.error?.message ?? '' };
}

async function view(): Promise<RunView> {
  return ((await (await fetch(`${gateway.url}${path}/run`)).json()) as { run: RunView }).run;
}

async function ended(): Promise<{ run: RunView; seen: number[] }> {
  const seen: number[] = [];
  for (;;) {
    const run = await view();
    seen.push(run.progress);
    if (run.state !== 'running') return { run, seen };
    await sleep(20);
  }
}

/** Threads of this process that stand back for the others: those of simulations, on Linux. */
function backgroundThreads(): number {
  return readdirSync('/proc/self/task').filter((id) => {
    const [, fields = ''] = readFileSync(`/proc/self/task/${id}/stat`, 'utf8').split(') ');
    return fields.split(' ')[16] === '10';
  }).length;
}

/** The kernel may list a thread for a moment after its end; one that still ran would be there for minutes. */
async function noBackgroundThread(): Promise<void> {
  await vi.waitFor(() => expect(backgroundThreads()).toBe(0));
}

const steady = { kind: 'scenario', name: 'steady', minutes: 10 };

test('the recorded requests are simulated as configured and as changed', async () => {
  const keys = new Keys(config.namespace);
  const recorder = new Recorder(redis, keys);
  const minute = Math.floor(Date.now() / 60_000) * 60_000;
  // Three minutes of 2, 40 and 2 requests/s, and one without any.
  let came = 0;
  for (let second = 0; second < 180; second++) {
    const atMs = minute - 240_000 + second * 1000;
    const rps = second >= 60 && second < 120 ? 40 : 2;
    for (let n = 0; n < rps; n++, came++) {
      recorder.arrival('high', atMs, 1500);
      recorder.ended('high', { kind: 'completed', attained: true, isl: 1500, osl: 200, atMs: atMs + 999 });
    }
  }
  await recorder.flush();
  expect((await offer()).recorded).toEqual({ requests: came, minutes: 4 });

  const changes = { high: { gpu_budget: { ceiling: 2 }, scaling: { look_ahead: 'reactive' } } };
  const { status, run } = await start({ source: { kind: 'recorded', minutes: 10 }, changes });
  expect(status).toBe(202);
  expect(run.state).toBe('running');
  const { run: done } = await ended();
  expect(done.message).toBeNull();
  expect(done).toMatchObject({ id: run.id, state: 'done', progress: 1 });
  expect(done.changes).toEqual([
    { pool: 'high', field: 'gpu_budget.ceiling', from: '4', to: '2' },
    { pool: 'high', field: 'scaling.look_ahead', from: 'proactive', to: 'reactive' },
  ]);
  const { configured, changed, beganAtMs, requests } = done.result!;
  expect(requests).toBe(came);
  // A minute may have ended since the test began.
  expect([minute - 600_000, minute - 540_000]).toContain(beganAtMs);
  for (const { pools } of [configured, changed]) {
    expect(pools.high!.requests).toBe(came);
    expect(pools.medium!.attainment).toBeNull();
    // Ten minutes; the load of an interval times its length is what came in it.
    const { at, load, gpus } = pools.high!.lines;
    expect(at.at(-1)).toBeLessThan(600);
    expect(gpus.length).toBe(at.length);
    expect(load.reduce((sum, rps) => sum + rps * (at[1]! - at[0]!), 0)).toBeCloseTo(came, 0);
  }
  // One worker of two GPUs cannot bear forty requests a second; two of them can.
  expect(Math.max(...changed.pools.high!.lines.gpus)).toBe(2);
  expect(Math.max(...configured.pools.high!.lines.gpus)).toBe(4);
  expect(changed.pools.high!.attainment!).toBeLessThan(configured.pools.high!.attainment!);
  expect(changed.gpuHours).toBeLessThan(configured.gpuHours);
  expect(changed.usd).toBeCloseTo(changed.gpuHours * config.pricing.usdPerGpuHour, 3);
});

test('without a change both runs are alike', async () => {
  await start({ source: steady });
  const { configured, changed } = (await ended()).run.result!;
  expect(changed).toEqual(configured);
  expect(configured.pools.high!.requests).toBeGreaterThan(1000);
});

test('progress rises to its end; one run at a time; a cancel ends the thread', async () => {
  // Rather more than this machine simulates while the test looks.
  const long = { source: { ...steady, minutes: 600 }, rate_scale: 0.2 };
  const { run } = await start(long);
  const second = await start({ source: steady });
  expect(second.status).toBe(409);
  expect(second.message).toContain('a simulation is running');
  const seen: number[] = [];
  while ((seen.at(-1) ?? 0) < 0.02) {
    seen.push((await view()).progress);
    await sleep(10);
  }
  expect(seen).toEqual([...seen].sort((a, b) => a - b));
  if (process.platform === 'linux') expect(backgroundThreads()).toBe(1);
  expect((await post(`${gateway.url}${path}/cancel`, { id: 'other' })).status).toBe(404);
  const cancelled = (await (await post(`${gateway.url}${path}/cancel`, { id: run.id })).json()) as object;
  expect(cancelled).toMatchObject({ run: { id: run.id, state: 'cancelled', result: null } });
  if (process.platform === 'linux') await noBackgroundThread();

  await start({ source: steady });
  const { run: next, seen: steps } = await ended();
  expect(next.state).toBe('done');
  expect(steps).toEqual([...steps].sort((a, b) => a - b));
});

test('a gateway that closes ends its run', async () => {
  const other = await openGateway(server.url, config);
  await post(`${other.url}${path}/run`, { source: { ...steady, minutes: 600 } });
  if (process.platform === 'linux') while (backgroundThreads() === 0) await sleep(10);
  await other.close();
  if (process.platform === 'linux') await noBackgroundThread();
});

test('a trace of the folder is simulated, its broken rows left out and told', async () => {
  expect((await offer()).traces).toEqual(['none.txt', 'own.jsonl']);
  await start({ source: { kind: 'trace', name: 'own.jsonl', pool: 'medium' } });
  const { run } = await ended();
  const { configured, notes, beganAtMs } = run.result!;
  expect(configured.pools.high!.requests).toBe(30);
  expect(configured.pools.medium!.requests).toBe(90);
  expect(beganAtMs).toBeNull();
  expect(notes.join('; ')).toMatch(/own\.jsonl was read as jsonl.*left out 1 broken rows/);

  await start({ source: { kind: 'trace', name: 'none.txt' } });
  const failed = (await ended()).run;
  expect(failed.state).toBe('failed');
  expect(failed.message).toContain('expected a trace of azure');
});

describe('what is refused', () => {
  test.each(['../own.jsonl', '/etc/hostname', 'link', folder, '.'])('a trace named %s', async (name) => {
    const { status, message } = await start({ source: { kind: 'trace', name } });
    expect(status).toBe(404);
    expect(message).toContain('source.name: expected a file of the trace folder');
  });

  test.each([
    [{}, 'source: '],
    [{ source: { kind: 'recorded', minutes: 61 } }, 'source.minutes: '],
    [{ source: { ...steady, minutes: 1e9 } }, 'source.minutes: '],
    [{ source: steady, rate_scale: 0 }, 'rate_scale: '],
    [{ source: steady, changes: { nobody: {} } }, 'expected pools of high, medium, low, got "nobody"'],
    [{ source: steady, changes: { __proto__: null, toString: {} } }, 'expected pools of high'],
    [
      { source: steady, changes: { high: { ttft_target: 300 } } },
      'changes.high.ttft_target: expected a number',
    ],
    [
      { source: steady, changes: { high: { engine: { profile: '/etc/passwd' } } } },
      'changes.high: Unrecognized',
    ],
    [
      { source: steady, changes: { high: { min_workers: 9 } } },
      'pools.high.min_workers: expected at most max_workers of 2, got 9',
    ],
  ])('%j', async (body, expected) => {
    const { status, message } = await start(body);
    expect(message).toContain(expected);
    expect(status).toBe(400);
  });
});

test('where keys are asked for, only an operator simulates', async () => {
  const guardedConfig = gatewayConfig((change) => {
    change.gateway.auth = 'keys';
  });
  const guarded = await openGateway(server.url, guardedConfig);
  const make = (operator: boolean) => {
    const limits = { requestsPerMinute: null, tokensPerMinute: null, concurrent: null, budget: null };
    const fields = { tenant: 'acme', name: '', maxLevel: null, beyond: 'refuse' as const, operator };
    return createKey(redis, new Keys(guardedConfig.namespace), { ...fields, ...limits }, Date.now());
  };
  const [plain, operator] = [await make(false), await make(true)];
  const statuses = async (headers: Record<string, string>) => [
    (await fetch(`${guarded.url}${path}`, { headers })).status,
    (await fetch(`${guarded.url}${path}/run`, { headers })).status,
    (await post(`${guarded.url}${path}/run`, { source: steady }, headers)).status,
    (await post(`${guarded.url}${path}/cancel`, { id: 'x' }, headers)).status,
  ];
  expect(await statuses({})).toEqual([401, 401, 401, 401]);
  expect(await statuses({ authorization: `Bearer ${plain.text}` })).toEqual([403, 403, 403, 403]);
  expect(await statuses({ authorization: `Bearer ${operator.text}` })).toEqual([200, 200, 202, 404]);
  await guarded.close();
});
