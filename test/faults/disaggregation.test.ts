import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Heartbeat, WorkerRole } from '../../src/contract/worker.js';
import { until } from '../support/pool.js';
import { ask, askMany, expectComplete } from '../support/requests.js';
import { TestSystem } from '../support/system.js';

let system: TestSystem;
let prefill: Heartbeat;
let decode: Heartbeat;
beforeEach(async () => {
  system = await TestSystem.start('disaggregated.yaml');
  [prefill] = (await system.ready('high', 1, 'prefill')) as [Heartbeat];
  [decode] = (await system.ready('high', 1, 'vllm')) as [Heartbeat];
});
afterEach(() => system.close());

const prompt = (length: number, k = 0) => `question ${k}: ${'word '.repeat(length)}`;

it('long prompts go prefill, then decode: the first token from one worker, the rest from the other', async () => {
  const client = await system.client();
  const long = await Promise.all(
    [1, 2, 3].map((k) => ask(client, { id: `long-${k}`, prompt: prompt(2000, k), max_tokens: 80 })),
  );
  const short = await askMany(client, 'short', 3, { prompt: 'why', max_tokens: 80 });
  await expectComplete([...long, ...short]);
  for (const one of long) {
    expect(one.workers).toEqual([prefill.workerId, decode.workerId]);
    expect(one.outcome).toMatchObject({ result: { workerId: decode.workerId } });
  }
  for (const one of short) expect(one.workers).toEqual([decode.workerId]);
  await system.expectSound([...long, ...short]);
});

it.each<WorkerRole>(['prefill', 'vllm'])(
  'kill -9 of the %s worker with requests in both halves: each completes once',
  async (role) => {
    const client = await system.client();
    const asked = await Promise.all(
      Array.from({ length: 12 }, (_, k) =>
        ask(client, { id: `cut-${k}`, prompt: prompt(8_000, k), max_tokens: 300 }),
      ),
    );
    await until(
      () =>
        asked.filter((one) => one.tokens.length > 5).length >= 2 &&
        asked.some((one) => one.outcome === undefined),
      'some decode',
      60_000,
    );
    const victim = role === 'prefill' ? prefill : decode;
    process.kill(victim.pid, 'SIGKILL');
    await expectComplete(asked);
    const [successor] = await system.ready('high', 1, role);
    expect(successor?.workerId).not.toBe(victim.workerId);
    await system.expectSound(asked);
  },
);
