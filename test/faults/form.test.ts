import { afterEach, beforeEach, expect, it } from 'vitest';
import { transitionSchema } from '../../src/contract/transition.js';
import { connect } from '../../src/queues/connection.js';
import { Outbox } from '../../src/scheduler/planner-loop/outbox.js';
import { until } from '../support/pool.js';
import { type Asked, ask, expectComplete } from '../support/requests.js';
import { TestSystem } from '../support/system.js';

let system: TestSystem;
beforeEach(async () => {
  system = await TestSystem.start('disaggregated.yaml', (yaml) =>
    yaml.replace('enabled: true', 'enabled: auto'),
  );
  await system.ready('high', 1, 'vllm');
});
afterEach(() => system.close());

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const prompt = (k: number) => `question ${k}: ${'word '.repeat(2000)}`;

it('a pool that chooses its form serves whole, in halves, and whole again, and loses nothing on the way', async () => {
  const client = await system.client();
  const asked: Asked[] = [];
  const ahead = async (count: number) => {
    for (let k = 0; k < count; k++)
      asked.push(
        await ask(client, { id: `r-${asked.length}`, prompt: prompt(asked.length), max_tokens: 40 }),
      );
  };
  await ahead(3);
  await expectComplete(asked);
  expect(asked.every(({ workers }) => workers.length === 1)).toBe(true);

  // Halves, by a hand on the allocator: so little load asks for none.
  expect((await system.cli('scale', 'high', '--pause')).code).toBe(0);
  const producer = connect(system.redisUrl, 'producer');
  const outbox = new Outbox(producer, system.keys, 1);
  const order = {
    pool: 'high',
    generation: 1000,
    prefill: 1,
    decode: 1,
    reason: 'a test',
    observationId: 'o',
  };
  await outbox.send(order);
  const [prefill] = await system.ready('high', 1, 'prefill');
  await pause(1500); // a router looks again after a second
  const halves = asked.length;
  await ahead(3);
  await expectComplete(asked);
  for (const one of asked.slice(halves)) expect(one.workers[0]).toBe(prefill?.workerId);

  // A planner without a past finds both forms' workers and a load that one worker serves whole.
  process.kill((await system.role('planner high')).pid, 'SIGKILL');
  await system.redis.del(system.keys.plannerSnapshot('high'));
  await until(
    async () => {
      await ahead(1);
      await pause(500);
      return (await system.poolStatus('high')).workers.ready.prefill === 0;
    },
    'the prefill worker has gone',
    60_000,
  );
  await ahead(3);
  await expectComplete(asked);
  expect(asked.slice(-1)[0]?.workers).not.toContain(prefill?.workerId);
  const records = await system.redis.xrange(system.keys.transitions('high'), '-', '+');
  const reasons = records.map(([, fields]) => transitionSchema.parse(JSON.parse(fields[1] ?? '')).reason);
  expect(reasons.join('\n')).toContain('change to aggregated: 1 are ready to serve whole requests');
  await system.expectSound(asked);
  producer.disconnect();
});
