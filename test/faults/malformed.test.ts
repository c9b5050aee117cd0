import { Queue } from 'bullmq';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SluiceError } from '../../src/contract/errors.js';
import { connect } from '../../src/queues/connection.js';
import { until } from '../support/pool.js';
import { expectComplete, Load } from '../support/requests.js';
import { TestSystem } from '../support/system.js';

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start('disaggregated.yaml');
  await system.ready('high', 1, 'vllm');
  await system.ready('high', 1, 'prefill');
});
afterAll(() => system.close());

/** Whole in itself, but of another job or pool. */
const ROUTED = {
  ...{ id: 'x', level: 'high', pool: 'high', model: 'llama-3.1-8b', isl: 1, maxTokens: 5 },
  ...{ prompt: 'p', acceptedAtMs: 1, deadlineMs: 1 },
};
const MISPLACED = [
  { ...ROUTED, maxTokens: 1e12 },
  { ...ROUTED, pool: 'low' },
  { ...ROUTED, id: 'good-0' },
];

const NONSENSE: unknown[] = [
  {},
  null,
  17,
  'text',
  [],
  [1, 2],
  { prompt: 7 },
  { prompt: 'x', max_tokens: -1 },
  { prompt: 'x', max_tokens: 1e12 },
  { prompt: 'x', max_tokens: 'many' },
  { prompt: 'x', slo_level: 'ultra' },
  { prompt: 'x', model: 'gpt-9' },
  { prompt: 'x', params: 'hot' },
  { prompt: ['x'] },
  { pool: 'high', generation: -1, prefill: 1, decode: 1, reason: 'r', observationId: 'o' },
  { pool: 'nowhere', generation: 1, prefill: 1, decode: 1, reason: 'r', observationId: 'o' },
  { pool: 'high', generation: 1e9, prefill: 1e9, decode: 1e9, reason: 'r', observationId: 'o' },
  { id: 'x', level: 'high', pool: 'elsewhere' },
  JSON.parse('{"__proto__": {"prompt": "x"}, "prompt": ""}'),
];

it('nonsense on every queue fails with a reason, harms no process, and good requests go on', async () => {
  const before = system.processes().toSorted();
  const load = new Load(await system.client(), 'good', 250, { max_tokens: 100 });
  const connection = connect(system.redisUrl, 'plain');
  const { keys, config } = system;
  const places: [string, string][] = [
    [keys.requestsQueue, config.queues.requestsPrefix],
    [keys.decodeQueue('high'), keys.poolPrefix('high')],
    [keys.prefillQueue('high'), keys.poolPrefix('high')],
    [keys.scaleQueue, keys.gpuPrefix()],
  ];
  for (const [name, prefix] of places) {
    const queue = new Queue(name, { connection, prefix });
    const misplaced = name.startsWith('high.') ? MISPLACED : [];
    for (const [k, data] of [...NONSENSE, ...misplaced].entries()) {
      const job = await queue.add('nonsense', data);
      const what = `${name} of ${JSON.stringify(data)} (${k})`;
      await until(
        async () => ((await queue.getJob(job.id!))?.finishedOn ?? 0) > 0,
        `the end of ${what}`,
        40_000,
      );
      const { failedReason = '' } = (await queue.getJob(job.id!))!;
      const error = SluiceError.fromReason(failedReason);
      expect(error.code, `${what}: ${failedReason}`).not.toBe('internal');
      expect(error.message.length, what).toBeGreaterThan(10);
      expect(error.message, what).not.toMatch(/\n\s+at /);
    }
    await queue.close();
  }
  connection.disconnect();
  const asked = await load.stop();
  await expectComplete(asked);
  expect(system.processes().toSorted()).toEqual(before);
  await system.expectSound(asked);
});
