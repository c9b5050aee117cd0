import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderStatus } from '../../src/cli/status/render.js';
import { cell, clean, duration, paint, table } from '../../src/cli/status/text.js';
import { runStatus, type StatusOptions } from '../../src/cli/status.js';
import type { SystemStatus } from '../../src/contract/status.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { freePort } from '../../src/queues/provision/probe.js';
import { collectStatus } from '../../src/telemetry/status.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { config } from '../telemetry/support.js';

let server: TestRedis;
const T = 1_700_000_000_000;

beforeAll(async () => {
  server = await startTestRedis();
}, 120_000);
afterAll(() => server.stop());

class Terminal {
  text = '';
  columns = 120;
  rows = 40;
  constructor(readonly isTTY: boolean) {}
  write(text: string): void {
    this.text += text;
  }
}

function run(out: Terminal, options: Partial<StatusOptions>): Promise<void> {
  return runStatus({ config, redisUrl: server.url, json: false, watch: false, color: true, out, ...options });
}

/** The status of a system at rest, as `overrides` change its first pool. */
async function status(change: (status: SystemStatus) => void): Promise<SystemStatus> {
  const redis = connect(server.url, 'plain');
  const made = await collectStatus(redis, new Keys('test'), config, T);
  redis.disconnect();
  change(made);
  return made;
}

test('--json prints one object', async () => {
  const out = new Terminal(true);
  await run(out, { json: true });
  const printed = JSON.parse(out.text) as SystemStatus;
  expect(printed.pools.map(({ name }) => name)).toEqual(['high']);
  expect(printed.total.gpus).toBe(4);
});

test('--json --watch prints one object a line until it is told to end', { timeout: 30_000 }, async () => {
  const out = new Terminal(false);
  const stop = new AbortController();
  const running = run(out, { json: true, watch: true, signal: stop.signal });
  while (out.text.split('\n').length < 3) await sleep(20);
  stop.abort();
  await running;
  const lines = out.text.trim().split('\n');
  const times = lines.map((line) => (JSON.parse(line) as SystemStatus).atMs);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  expect(out.text).not.toContain('\x1b');
});

test('--watch draws on the alternate screen and leaves the terminal as it was', {
  timeout: 30_000,
}, async () => {
  const out = new Terminal(true);
  const stop = new AbortController();
  const running = run(out, { watch: true, signal: stop.signal });
  while (!out.text.includes('POOL')) await sleep(20);
  stop.abort();
  await running;
  expect(out.text.startsWith('\x1b[?1049h\x1b[?25l')).toBe(true);
  const [, after] = out.text.split('\x1b[?25h\x1b[?1049l');
  expect(after).toContain('high');
});

test('a watch outlives a Redis that is killed and started again', { timeout: 60_000 }, async () => {
  const own = await startTestRedis();
  const out = new Terminal(false);
  const stop = new AbortController();
  const running = run(out, { redisUrl: own.url, json: true, watch: true, signal: stop.signal });
  while (out.text === '') await sleep(20);
  process.kill(own.pid, 'SIGKILL');
  await own.restart();
  const before = out.text.split('\n').length;
  while (out.text.split('\n').length < before + 2) await sleep(50);
  stop.abort();
  await running;
  await own.stop();
});

test('without a Redis it is a clear error that names the address', async () => {
  const redisUrl = `redis://127.0.0.1:${await freePort()}`;
  await expect(run(new Terminal(true), { redisUrl })).rejects.toMatchObject({
    code: 'no_redis',
    message: expect.stringContaining(redisUrl),
  });
});

test('the text shows pools, states with their time, GPUs by name and why the planner acted', async () => {
  const seen = await status((made) => {
    const pool = made.pools[0]!;
    pool.planner = {
      state: 'scaleUp',
      sinceMs: T - 12_000,
      transitions: [
        { atMs: T, from: 'steady', to: 'scaleUp', event: 'TICK', reason: 'KV load 0.71 over 0.5' },
      ],
      statesVisited: ['steady', 'scaleUp'],
      transitionCounts: [],
      forecast: null,
      holds: null,
    };
    pool.minute.attainment = 0.934;
    made.gpus[0] = { id: 'host:0', pool: 'high', workerId: 'w', state: 'starting', lease: null };
    const role = { pid: 1, restarts: null };
    made.roles = [
      { ...role, id: 'i', role: 'ingress', state: 'dead', ageSeconds: 7 },
      { ...role, id: 'p', role: 'planner high', state: 'alive', ageSeconds: 0 },
    ];
  });
  const text = renderStatus(seen, { color: false, width: 200 });
  expect(text).not.toContain('\x1b');
  expect(text).toMatch(/high +scaleUp +12s/);
  expect(text).toContain('0 high+  1 free');
  expect(text).toContain('steady -> scaleUp  KV load 0.71 over 0.5');
  expect(text).toMatch(/93\.4%.* 95\.0%/);
  expect(text).toContain('ingress dead for 7.0s');
  expect(renderStatus({ ...seen, roles: seen.roles.slice(0, 1) }, { color: false, width: 200 })).toMatch(
    /high +silent, was scaleUp /,
  );
  expect(renderStatus(seen, { color: true, width: 200 })).toContain('\x1b[36mscaleUp\x1b[0m');
});

test('control characters of names and reasons never reach the terminal', async () => {
  const evil = 'a\x1b[2J\r\n\x07\u009b31m\u202eb';
  const seen = await status((made) => {
    const pool = made.pools[0]!;
    pool.name = evil;
    pool.planner.transitions = [{ atMs: T, from: 'idle', to: 'idle', event: evil, reason: evil }];
    made.namespace = evil;
    made.roles = [{ id: evil, role: evil, pid: 1, state: 'alive', ageSeconds: 0, restarts: 0 }];
    made.gpus[0] = { id: `${evil}:0`, pool: evil, workerId: evil, state: 'running', lease: null };
  });
  const text = renderStatus(seen, { color: false, width: 500 });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
  expect(clean(evil)).toBe('a\\x1b[2J\\x0d\\x0a\\x07\\x9b31m\\u202eb');
});

test('lines are cut to the width, columns are aligned, durations are short', () => {
  expect(paint([[cell('abc', 'red'), cell('defgh')]], { colour: true, width: 5 })).toBe(
    '\x1b[31mabc\x1b[0md~',
  );
  const rows = [
    [cell('a'), cell('1')],
    [cell('long'), cell('100')],
  ];
  expect(paint(table(['X', 'N'], rows, [0]), { colour: false, width: 80 })).toBe(
    'X       N\na       1\nlong  100',
  );
  expect([0.0421, 4.23, 12, 192, 7500].map(duration)).toEqual(['42ms', '4.2s', '12s', '3m12s', '2h05m']);
});
