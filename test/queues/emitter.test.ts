import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { parseReply, type ReplyFrame } from '../../src/contract/reply.js';
import { connect } from '../../src/queues/connection.js';
import { type EmittingRun, TokenEmitter } from '../../src/queues/emitter.js';
import { claimJournal, readJournal } from '../../src/queues/journal.js';
import { Keys } from '../../src/queues/keys.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const keys = new Keys('t');
let server: TestRedis;
let redis: Redis;
let control: Redis;
let subscriber: Redis;
/** Each message's frames. */
let heard: ReplyFrame[][] = [];
let emitter: TokenEmitter;
let emitterId: number;

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  control = connect(server.url, 'plain');
  subscriber = connect(server.url, 'subscriber');
  subscriber.on('message', (_, message: string) => heard.push(parseReply(message)));
  await subscriber.subscribe('one');
  emitterId = await redis.client('ID');
});
beforeEach(async () => {
  await redis.flushall();
  heard = [];
  emitter = new TokenEmitter(redis, keys);
});
afterAll(async () => {
  redis.disconnect();
  control.disconnect();
  subscriber.disconnect();
  await server.stop();
});

async function runOf(id: string): Promise<EmittingRun> {
  await claimJournal(redis, keys, 'high', id, 'f');
  const onFenced = () => {
    throw new Error('fenced');
  };
  return {
    ...{ id, pool: 'high', fence: 'f', workerId: 'w', channels: new Set(['one']), tokens: [], atMs: [] },
    ...{ journaled: 0, firstTokenAtMs: 7, onFenced },
  };
}

function add(run: EmittingRun, token: string): void {
  run.tokens.push(token);
  run.atMs.push(7);
  emitter.touch(run);
}

/** What was published, by message: the request and the index of each frame. */
async function settled(): Promise<string[][]> {
  await redis.publish('one', 'end');
  // What is no reply yields no frames.
  await expect.poll(() => heard.at(-1)?.length).toBe(0);
  return heard
    .slice(0, -1)
    .map((frames) =>
      frames.map((frame) => (frame.type === 'tokens' ? `${frame.id}${frame.index}` : frame.type)),
    );
}

/** Of what the emitter sent, bytes that Redis has not looked at. */
async function waitingBytes(): Promise<number> {
  const list = String(await control.client('LIST'));
  const own = list.split('\n').find((line) => line.includes(`id=${emitterId} `));
  return Number(/ qbuf=(\d+)/.exec(own ?? '')?.[1]);
}

it('sends first tokens by themselves, before what others have had to say for longer', async () => {
  const [a, b, c] = [await runOf('a'), await runOf('b'), await runOf('c')];
  add(a, 'x');
  await emitter.drained(a);
  add(a, 'y');
  add(b, 'x');
  add(c, 'x');
  await Promise.all([a, b, c].map((run) => emitter.drained(run)));
  expect(await settled()).toEqual([['a0'], ['b0', 'c0'], ['a1']]);
});

it('sends other tokens while a call with first ones is still under way', async () => {
  const [a, b] = [await runOf('a'), await runOf('b')];
  add(a, 'x');
  await emitter.drained(a);
  await control.client('PAUSE', 60_000, 'WRITE');
  add(b, 'x');
  add(a, 'y');
  // Redis works on one command of a connection at a time: the other one waits in its buffer.
  await expect.poll(waitingBytes, { timeout: 5_000 }).toBeGreaterThan(0);
  expect([a.journaled, b.journaled]).toEqual([1, 0]);
  await control.client('UNPAUSE');
  await Promise.all([a, b].map((run) => emitter.drained(run)));
  expect(await settled()).toEqual([['a0'], ['b0'], ['a1']]);
  expect(await readJournal(redis, keys, 'high', 'a', 0)).toEqual(['x', 'y']);
});

it('sends tokens again that Redis refused', async () => {
  const run = await runOf('a');
  await redis.config('SET', 'maxmemory', '1');
  add(run, 'x');
  add(run, 'y');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(run.journaled).toBe(0);
  await redis.config('SET', 'maxmemory', '0');
  await emitter.drained(run);
  expect(await readJournal(redis, keys, 'high', 'a', 0)).toEqual(['x', 'y']);
});
