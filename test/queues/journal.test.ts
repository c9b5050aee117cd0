import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { connect } from '../../src/queues/connection.js';
import {
  claimJournal,
  type Emission,
  emit,
  isRetired,
  readJournal,
  retireJournal,
} from '../../src/queues/journal.js';
import { Keys } from '../../src/queues/keys.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const keys = new Keys('t');
let server: TestRedis;
let redis: Redis;
let subscriber: Redis;
let heard: string[] = [];

beforeAll(async () => {
  server = await startTestRedis();
  redis = connect(server.url, 'plain');
  subscriber = connect(server.url, 'subscriber');
  subscriber.on('message', (channel: string, message: string) => heard.push(`${channel} ${message}`));
  await subscriber.subscribe('one', 'two');
});
beforeEach(async () => {
  await redis.flushall();
  heard = [];
});
afterAll(async () => {
  redis.disconnect();
  subscriber.disconnect();
  await server.stop();
});

const part = (id: string, fence: string, start: number, tokens: string[], channels = ['one']): Emission => ({
  ...{ pool: 'high', id, fence, firstTokenAtMs: 7, start, tokens, channels },
  frame: JSON.stringify({ id, start, tokens }),
});

async function settled(): Promise<string[]> {
  await redis.publish('one', 'end');
  while (heard.at(-1) !== 'one end') await new Promise((resolve) => setTimeout(resolve, 5));
  return heard.slice(0, -1);
}

describe('the token journal', () => {
  it('keeps tokens in order and publishes those of several requests in one message for each channel', async () => {
    const both = [part('a', 'f1', 0, ['x', 'y']), part('b', 'f1', 0, ['z'], ['one', 'two'])];
    expect(await emit(redis, keys, both)).toEqual([{ kind: 'ok' }, { kind: 'ok' }]);
    expect(await readJournal(redis, keys, 'high', 'a', 0)).toEqual(['x', 'y']);
    expect(await readJournal(redis, keys, 'high', 'a', 1)).toEqual(['y']);
    expect((await settled()).sort()).toEqual([
      'one [{"id":"a","start":0,"tokens":["x","y"]},{"id":"b","start":0,"tokens":["z"]}]',
      'two [{"id":"b","start":0,"tokens":["z"]}]',
    ]);
    expect(await redis.pttl(keys.journal('high', 'a'))).toBeGreaterThan(0);
  });

  it('takes a resent emission once', async () => {
    const first = part('a', 'f1', 0, ['x', 'y']);
    await emit(redis, keys, [first]);
    expect(await emit(redis, keys, [first])).toEqual([{ kind: 'ok' }]);
    expect(await emit(redis, keys, [part('a', 'f1', 1, ['y', 'z'])])).toEqual([{ kind: 'ok' }]);
    expect(await readJournal(redis, keys, 'high', 'a', 0)).toEqual(['x', 'y', 'z']);
  });

  it('refuses a run that was overtaken: nothing is kept, nothing is published', async () => {
    await emit(redis, keys, [part('a', 'old', 0, ['x'])]);
    expect(await claimJournal(redis, keys, 'high', 'a', 'new')).toEqual({ firstTokenAtMs: 7, tokens: ['x'] });
    heard = [];
    expect(await emit(redis, keys, [part('a', 'old', 1, ['stale'])])).toEqual([{ kind: 'fenced' }]);
    expect(await emit(redis, keys, [part('a', 'new', 1, ['y'])])).toEqual([{ kind: 'ok' }]);
    expect(await readJournal(redis, keys, 'high', 'a', 0)).toEqual(['x', 'y']);
    expect(await settled()).toEqual(['one [{"id":"a","start":1,"tokens":["y"]}]']);
  });

  it('refuses an overtaken run that had emitted nothing, and keeps the first token time of the new one', async () => {
    expect(await claimJournal(redis, keys, 'high', 'a', 'new')).toEqual({ firstTokenAtMs: null, tokens: [] });
    expect(await emit(redis, keys, [part('a', 'old', 0, ['stale'])])).toEqual([{ kind: 'fenced' }]);
    await emit(redis, keys, [part('a', 'new', 0, ['x'])]);
    expect(await claimJournal(redis, keys, 'high', 'a', 'third')).toEqual({
      firstTokenAtMs: 7,
      tokens: ['x'],
    });
  });

  it('tells how much there is when tokens before the first one given are missing', async () => {
    expect(await emit(redis, keys, [part('a', 'f1', 3, ['w'])])).toEqual([{ kind: 'gap', length: 0 }]);
    await emit(redis, keys, [part('a', 'f1', 0, ['x'])]);
    expect(await emit(redis, keys, [part('a', 'f1', 3, ['w'])])).toEqual([{ kind: 'gap', length: 1 }]);
    expect(await readJournal(redis, keys, 'high', 'a', 0)).toEqual(['x']);
  });

  it.each([[], ['x']])(
    'of a request that has ended takes nothing more, and goes: %j',
    async (...tokens: string[]) => {
      if (tokens.length > 0) await emit(redis, keys, [part('a', 'f1', 0, tokens)]);
      expect(await isRetired(redis, keys, 'high', 'a')).toBe(false);
      await retireJournal(redis, keys, 'high', 'a', 5_000);
      expect(await isRetired(redis, keys, 'high', 'a')).toBe(true);
      expect(await emit(redis, keys, [part('a', 'f1', 0, ['late'])])).toEqual([{ kind: 'fenced' }]);
      expect(await readJournal(redis, keys, 'high', 'a', 0)).toEqual(tokens);
      expect(await redis.pttl(keys.journal('high', 'a'))).toBeLessThanOrEqual(5_000);
    },
  );

  it('takes more tokens at once than Lua can unpack', async () => {
    const tokens = Array.from({ length: 9000 }, (_, i) => `t${i}`);
    await emit(redis, keys, [part('a', 'f1', 0, tokens)]);
    expect(await readJournal(redis, keys, 'high', 'a', 0)).toEqual(tokens);
  });
});
