import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { liveLines, liveMachines } from '../../src/cli/machines/live.js';
import { renderStatus } from '../../src/cli/status/render.js';
import { paint } from '../../src/cli/status/text.js';
import { sparkline, Trends } from '../../src/cli/status/trends.js';
import { defaultConfig } from '../../src/config/load.js';
import type { TransitionRecord } from '../../src/contract/transition.js';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { collectStatus } from '../../src/telemetry/status.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const T = 1_700_000_000_000;
const EVIL = 'x\x1b[2J\u202ey';
const config = defaultConfig();
const keys = new Keys(config.namespace);
let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

function record(sequence: number, fields: Partial<TransitionRecord>): TransitionRecord {
  return {
    pool: 'high',
    sequence,
    atMs: T + sequence * 1000,
    from: 'steady',
    to: 'burstProtect',
    event: 'TICK',
    reason: 'burst: 9.7 requests/s after 1.7',
    numbers: { burstRps: 9.7123456, spike: true },
    order: null,
    observation: null,
    ...fields,
  };
}

const publish = (made: TransitionRecord) =>
  redis.xadd(keys.transitions(made.pool), '*', 'record', JSON.stringify(made));

class Terminal {
  text = '';
  constructor(readonly isTTY: boolean) {}
  readonly columns = 160;
  readonly rows = 60;
  write(text: string): void {
    this.text += text;
  }
}

test('a live view lights the state, says where it can go, and tells each transition with its numbers', async () => {
  const status = await collectStatus(redis, keys, config, T);
  const pool = status.pools[0]!;
  pool.planner.state = 'burstProtect';
  pool.planner.sinceMs = T - 4000;
  const text = paint(liveLines(pool, [record(1, {})], T), { colour: false, width: 300 });
  expect(text).toContain('planner high  for 4.0s  burst: 9.7 requests/s after 1.7');
  expect(text).toMatch(/^> burstProtect +.*-> steady/m);
  expect(text).toMatch(/^\. steady/m);
  expect(text).toContain('steady -> burstProtect  TICK  burst: 9.7 requests/s after 1.7  burstRps=9.712');
});

test('into a pipe each transition is one line, once, also those that come while it watches', async () => {
  const out = new Terminal(false);
  const stop = new AbortController();
  await publish(record(1, { reason: EVIL }));
  const watching = liveMachines({
    config,
    redisUrl: server.url,
    pool: 'high',
    json: false,
    color: false,
    out,
    signal: stop.signal,
  });
  while (!out.text.includes('burstProtect')) await sleep(20);
  await publish(record(2, { from: 'burstProtect', to: 'steady', reason: 'calm for 10 s' }));
  while (!out.text.includes('calm for 10 s')) await sleep(20);
  await sleep(1_100);
  stop.abort();
  await watching;
  expect(out.text.trim().split('\n')).toHaveLength(2);
  expect(out.text).toContain('x\\x1b[2J\\u202ey');
  expect(out.text).not.toContain('\x1b');
});

test('an unknown pool is a clear error', async () => {
  const options = { config, redisUrl: server.url, pool: 'nope', json: false, color: false };
  await expect(liveMachines(options)).rejects.toThrow('expected a pool out of high, medium, low, got "nope"');
});

test('sparklines scale to the largest value or the target, and leave gaps where nothing is known', () => {
  expect(sparkline([0, 5, null, 10]).trim()).toBe('▁▅ █');
  expect(sparkline([0, 5], 10).trim()).toBe('▁▅');
  expect(sparkline([]).length).toBe(60);
});

test('a watch shows the last minute of load and latency of each pool, and holds no more', async () => {
  const trends = new Trends();
  const status = await collectStatus(redis, keys, config, T);
  const pool = status.pools[0]!;
  for (let second = 0; second < 200; second++) {
    pool.arrivalsPerSecond = second % 8;
    trends.add(status);
  }
  expect(trends.of(pool).load).toHaveLength(60);
  const text = renderStatus(status, { color: false, width: 220 }, trends);
  expect(text).toMatch(/POOL +IN\/S +FORECAST +LOAD 1m +TTFT 1m/);
  expect(text).toMatch(/high +7\.0 +- +[▁▂▃▄▅▆▇█]{60}/);
});

test('a pool that is not there is not found, as by `scale` and `explain`', async () => {
  const out = new Terminal(false);
  const live = liveMachines({ config, redisUrl: server.url, pool: 'nope', json: false, color: false, out });
  await expect(live).rejects.toMatchObject({
    code: 'not_found',
    message: 'expected a pool out of high, medium, low, got "nope"',
  });
});
