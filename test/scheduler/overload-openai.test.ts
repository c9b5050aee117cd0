import { afterEach, expect, it } from 'vitest';
import type { OverloadPolicy } from '../../src/config/types.js';
import { lawFor } from '../../src/profile/law.js';
import { SluiceClient } from '../../src/scheduler/client.js';
import { openaiEngine } from '../support/openai-engine.js';
import { startPoolWorker, testConfig } from '../support/pool.js';
import { roundProfile } from '../support/profiles.js';
import { startTestRedis } from '../support/redis.js';
import { simServer } from '../support/sim-server.js';

const LONG = 4000;
/** Some 7 s of prefill, to a promise long enough that a busy machine's pauses do not break it. */
const CROWD = 30;
const TTFT_SECONDS = 2;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** A worker of `high` on an OpenAI-compatible server over HTTP, a long prompt of which takes some 240 ms. */
async function start(policy: OverloadPolicy) {
  const redis = await startTestRedis();
  closing.push(() => redis.stop());
  const server = await simServer({ engine: { maxBatchedTokens: 2048, prefixCache: false } });
  closing.push(() => server.close());
  const engine = await openaiEngine(
    [server.url],
    { maxBatchedTokens: 2048 },
    { law: lawFor(roundProfile, 1) },
  );
  closing.push(() => engine.stop());
  const config = testConfig(({ pools }) => {
    pools.high!.overload.policy = policy;
    pools.high!.targets.ttftSeconds = TTFT_SECONDS;
  });
  const worker = await startPoolWorker(redis.url, config, 'high', engine, 'w');
  closing.push(() => worker.stop());
  const client = await SluiceClient.open(config, redis.url);
  closing.push(() => client.close());
  const ask = async (id: string, words: number) => {
    const prompt = Array.from({ length: words }, (_, k) => `${id}${k}`).join(' ');
    const handle = await client.submit({ id, prompt, slo_level: 'high', max_tokens: 2 });
    return handle.done;
  };
  const long = (name: string) =>
    Promise.all(Array.from({ length: CROWD }, (_, k) => ask(`${name}${k}-`, LONG)));
  // The worker learns how long requests are.
  for (let k = 0; k < 5; k++) await ask(`warm${k}-`, LONG);
  return { ask, long };
}

it('refuses what an OpenAI-compatible engine could begin too late, before the engine has it', async () => {
  const { ask, long } = await start('refuse');
  const outcomes = await long('a');
  const refused = outcomes.filter((outcome) => outcome.kind === 'failed' && outcome.code === 'overloaded');
  const served = outcomes.flatMap((outcome) => (outcome.kind === 'completed' ? [outcome.result] : []));
  expect(refused.length + served.length).toBe(CROWD);
  expect(refused.length).toBeGreaterThanOrEqual(CROWD / 2);
  expect(served.length).toBeGreaterThanOrEqual(1);
  // Without load it takes the same again.
  expect(await ask('later', LONG)).toMatchObject({ kind: 'completed' });
});

it('lets one that can still be in time go before those that cannot, and serves them all', async () => {
  const { ask, long } = await start('late');
  const begun = long('b');
  await new Promise((resolve) => setTimeout(resolve, 200));
  const short = await ask('short', 10);
  const outcomes = await begun;
  expect(outcomes.map(({ kind }) => kind)).toEqual(outcomes.map(() => 'completed'));
  const finishes = outcomes.map((outcome) =>
    outcome.kind === 'completed' ? outcome.result.firstTokenAtMs : 0,
  );
  expect(short.kind).toBe('completed');
  const shortAt = short.kind === 'completed' ? short.result.firstTokenAtMs : Number.NaN;
  // In plain deadline order it would come last.
  expect(finishes.filter((at) => at > shortAt).length).toBeGreaterThanOrEqual(CROWD / 2);
});
