import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TokenEnd, textOf, writeToken } from '../../src/contract/openai.js';
import type { EngineRequest, TokenBatch } from '../../src/engines/engine.js';
import { connect } from '../../src/queues/connection.js';
import { claimJournal, emit } from '../../src/queues/journal.js';
import { Keys } from '../../src/queues/keys.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { beat, HandEngine, startPoolWorker, testConfig, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const config = testConfig((config) => {
  const { high } = config.pools;
  if (high) high.disaggregation = { enabled: true, minPromptTokens: 50, prefillWorkers: 1 };
});
let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());

const END: TokenEnd = { finishReason: 'tool_calls', usage: { promptTokens: 7, completionTokens: 3 } };
const CALL = writeToken({ delta: { tool_calls: [{ index: 0, id: 'c', function: { arguments: '{}' } }] } });
const ANSWER = ['It is ', 'day.', CALL, writeToken({ end: END })];

/** Gives `batches`, whatever is asked. */
class ScriptEngine extends HandEngine {
  constructor(readonly batches: TokenBatch[]) {
    super(10);
  }
  override async *generate(request: EngineRequest): AsyncIterable<TokenBatch> {
    this.seen.push(request);
    yield* this.batches;
  }
}

const batch = (...tokens: string[]): TokenBatch => ({ tokens, atMs: tokens.map(() => Date.now()) });

async function ask(client: SluiceClient, id: string, words = 2) {
  const tokens: string[] = [];
  const prompt = 'word '.repeat(words);
  const handle = await client.submit(
    { id, prompt, slo_level: 'high', max_tokens: 50 },
    { onTokens: (frame) => void tokens.push(...frame.tokens) },
  );
  return { ...handle, tokens };
}

it('streams tool calls as they come, and ends with what the engine said of the end', async () => {
  const client = await SluiceClient.open(config, redis.url);
  const worker = await startPoolWorker(redis.url, config, 'high', new ScriptEngine([batch(...ANSWER)]), 'w1');
  const asked = await ask(client, 'tools');
  expect(await asked.done).toMatchObject({
    kind: 'completed',
    result: {
      text: 'It is day.',
      finishReason: 'tool_calls',
      usage: END.usage,
      entries: 4,
      message: { tool_calls: [{ id: 'c', function: { arguments: '{}' } }] },
    },
  });
  expect(asked.tokens).toEqual(ANSWER);
  await worker.stop();
  await client.close();
});

it('does not ask an engine to go on after an answer that ended before its worker died', async () => {
  const client = await SluiceClient.open(config, redis.url);
  const plain = connect(redis.url, 'plain');
  const keys = new Keys(config.namespace);
  const stuck = new HandEngine(1);
  const first = await startPoolWorker(redis.url, config, 'high', stuck, 'w1');
  const asked = await ask(client, 'ended');
  await until(() => stuck.seen.length === 1, 'the first worker has it');
  await claimJournal(plain, keys, 'high', 'ended', 'dead');
  const emission = { pool: 'high', id: 'ended', fence: 'dead', start: 0, tokens: ANSWER };
  await emit(plain, keys, [{ ...emission, firstTokenAtMs: Date.now(), channels: [], frame: '' }]);
  await first.stop();
  const engine = new ScriptEngine([batch('never')]);
  const second = await startPoolWorker(redis.url, config, 'high', engine, 'w2');
  expect(await asked.done).toMatchObject({ kind: 'completed', result: { text: 'It is day.', entries: 4 } });
  expect(engine.seen).toEqual([]);
  expect(textOf(asked.tokens)).toBe('It is day.');
  await second.stop();
  plain.disconnect();
  await client.close();
});

it('hands what a prefill engine said to the decode engine', async () => {
  const client = await SluiceClient.open(config, redis.url);
  const transfer = { do_remote_prefill: true, remote_block_ids: [1, 2] };
  const prefill = new ScriptEngine([{ tokens: [], atMs: [], transfer }]);
  const decode = new ScriptEngine([batch('all of it')]);
  const redisUrl = redis.url;
  const workers = [await startPoolWorker(redisUrl, config, 'high', prefill, 'p1', 'prefill')];
  workers.push(await startPoolWorker(redisUrl, config, 'high', decode, 'd1'));
  const plain = connect(redis.url, 'plain');
  const keys = new Keys(config.namespace);
  await beat(plain, keys, 'high', 'ready', 'prefill');
  const asked = await ask(client, 'halves', 60);
  expect(await asked.done).toMatchObject({ kind: 'completed', result: { text: 'all of it' } });
  expect(prefill.seen).toMatchObject([{ phase: 'prefill' }]);
  expect(decode.seen).toMatchObject([{ phase: 'decode', transfer, emitted: [] }]);
  for (const worker of workers) await worker.stop();
  plain.disconnect();
  await client.close();
});
