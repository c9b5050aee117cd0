import { afterAll, beforeAll, expect, it } from 'vitest';
import { connect } from '../../src/queues/connection.js';
import { Keys } from '../../src/queues/keys.js';
import { PoolQueues } from '../../src/queues/pool-queues.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { beat, HandEngine, startPoolWorker, testConfig, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

const config = testConfig((changed) => {
  const high = changed.pools.high;
  if (high) high.disaggregation = { enabled: 'auto', minPromptTokens: 5, prefillWorkers: 1 };
});
let redis: TestRedis;
beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(() => redis.stop());

it('what waits for prefill workers that are gone is served whole, each request once', async () => {
  const keys = new Keys(config.namespace);
  const plain = connect(redis.url, 'producer');
  const queues = new PoolQueues('high', keys, plain);
  await beat(plain, keys, 'high', 'ready', 'prefill');
  const [prefill, decode] = [new HandEngine(1), new HandEngine(9, true)];
  const p1 = await startPoolWorker(redis.url, config, 'high', prefill, 'p1', 'prefill');
  const d1 = await startPoolWorker(redis.url, config, 'high', decode, 'd1');
  const client = await SluiceClient.open(config, redis.url);
  const ask = (id: string) =>
    client.submit({ id, prompt: 'one two three four five six', slo_level: 'high', max_tokens: 3 });
  const asked = [await ask('a'), await ask('b'), await ask('c')];
  await until(async () => (await queues.prefill.getJobCounts('prioritized')).prioritized === 2, 'two wait');
  expect(prefill.seen.map(({ id }) => id)).toEqual(['a']);

  // The request that the prefill worker holds is left to it.
  expect(await queues.serveWhole()).toBe(2);
  for (const { done } of asked.slice(1)) expect(await done).toMatchObject({ kind: 'completed' });
  expect(decode.seen.map(({ id, phase }) => [id, phase]).sort()).toEqual([
    ['b', 'whole'],
    ['c', 'whole'],
  ]);
  prefill.allow('a', 1);
  expect(await asked[0]?.done).toMatchObject({ kind: 'completed' });
  expect(decode.seen.filter(({ id }) => id === 'a').map(({ phase }) => phase)).toEqual(['decode']);
  expect(await queues.serveWhole()).toBe(0);

  await client.close();
  await p1.stop();
  await d1.stop();
  await queues.close();
  plain.disconnect();
});
