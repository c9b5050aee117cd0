import { Queue, QueueEvents } from 'bullmq';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connect } from '../../src/queues/connection.js';
import { until } from '../support/pool.js';
import { expectComplete, expectedTokens, Load } from '../support/requests.js';
import { sleep, TestSystem } from '../support/system.js';

let system: TestSystem;
beforeEach(async () => {
  system = await TestSystem.start();
});
afterEach(() => system.close());

it('kill -9 of the ingress with plain BullMQ jobs in flight: every waitUntilFinished resolves with the answer', async () => {
  await system.ready('high', 1);
  const prefix = system.config.queues.requestsPrefix;
  const connection = connect(system.redisUrl, 'plain');
  const queue = new Queue('requests', { connection, prefix });
  const events = new QueueEvents('requests', { connection: connect(system.redisUrl, 'worker'), prefix });
  await events.waitUntilReady();
  const data = { prompt: 'hello there', max_tokens: 400, slo_level: 'high' };
  const named = Array.from({ length: 10 }, (_, k) => queue.add('ask', data, { jobId: `plain-${k}` }));
  const jobs = await Promise.all([...named, queue.add('ask', data), queue.add('ask', data)]);
  const answers = jobs.map((job) => job.waitUntilFinished(events, 100_000));
  await until(async () => (await queue.getActiveCount()) === jobs.length, 'the ingress holds all jobs');

  await system.killRole('ingress');
  // The successor also takes what comes after.
  jobs.push(await queue.add('ask', { ...data, max_tokens: 20 }, { jobId: 'plain-late' }));
  answers.push(jobs.at(-1)!.waitUntilFinished(events, 100_000));

  for (const [k, answer] of (await Promise.all(answers)).entries()) {
    const job = jobs[k]!;
    const id = /^\d+$/.test(job.id!) ? `requests-${job.id}` : job.id!;
    expect(answer).toMatchObject({ id, text: expectedTokens(id, job.data.max_tokens).join('') });
  }
  await system.expectSound(
    jobs.map((job) => ({ id: /^\d+$/.test(job.id!) ? `requests-${job.id}` : job.id!, pool: 'high' })),
  );
  await events.close();
  await queue.close();
  connection.disconnect();
});

it.each(['planner high', 'allocator'])(
  'kill -9 of the %s under load: it comes back, and no request suffers',
  async (role) => {
    await system.ready('high', 1);
    const load = new Load(await system.client(), 'load', 150, { max_tokens: 300 });
    await until(() => load.asked.length > 10, 'load');
    await system.killRole(role);
    await sleep(2_000);
    const asked = await load.stop();
    await expectComplete(asked);
    await system.recovered('high');
    const { counts } = await system.poolStatus('high');
    expect(counts).toMatchObject({ completed: asked.length, active: 0, failed: 0 });
    await system.expectSound(asked);
  },
);

it('kill -9 of the allocator: a worker that dies meanwhile is replaced by the successor', async () => {
  const [victim] = await system.ready('high', 1);
  const load = new Load(await system.client(), 'load', 150, { max_tokens: 300 });
  await until(() => load.asked.length > 5, 'load');
  const { pid } = await system.role('allocator');
  process.kill(pid, 'SIGKILL');
  process.kill(victim!.pid, 'SIGKILL');
  await until(
    async () =>
      (await system.workers('high')).some(
        (beat) => beat.state === 'ready' && beat.workerId !== victim!.workerId,
      ),
    'a new worker',
    60_000,
  );
  const asked = await load.stop();
  await expectComplete(asked);
  await system.expectSound(asked);
});
