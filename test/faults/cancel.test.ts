import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { PoolQueues } from '../../src/queues/pool-queues.js';
import { until } from '../support/pool.js';
import { type Asked, ask, askMany, expectComplete, expectedTokens, streaming } from '../support/requests.js';
import { TestSystem } from '../support/system.js';

let system: TestSystem;
const all: { id: string; pool: string }[] = [];
beforeAll(async () => {
  // In plain deadline order no request is put aside, so that a second start is a second execution.
  system = await TestSystem.start('system.yaml', (yaml) =>
    yaml.replaceAll('min_workers:', 'overload: { policy: edf }\n    min_workers:'),
  );
  await system.ready('high', 1);
});
afterEach(() => system.expectSound(all));
afterAll(() => system.close());

function ended(one: Asked, kind: string): Promise<void> {
  return until(() => one.outcome?.kind === kind, `${one.id} is ${kind}`);
}

/** Requests that hold every place of the pool `low` (one worker, two sequences) for a while. */
async function fill(name: string): Promise<Asked[]> {
  const asked = await askMany(await system.client(), name, 2, { slo_level: 'low', max_tokens: 2500 });
  all.push(...asked);
  await streaming(asked, 1);
  return asked;
}

async function startedRuns(id: string, pool: string): Promise<number> {
  const queues = new PoolQueues(pool, system.keys, system.redis);
  const job = await queues.find(id);
  await queues.close();
  return job?.attemptsStarted ?? 0;
}

it('cancels by the command line: a queued request never starts, a running one stops, others go on', async () => {
  const full = await fill('c');
  const client = await system.client();
  const queued = await ask(client, { id: 'queued', slo_level: 'low', max_tokens: 50 });
  const next = await ask(client, { id: 'next', slo_level: 'low', max_tokens: 50 });
  all.push(queued, next);

  expect(await system.cli('cancel', 'queued')).toMatchObject({ code: 0, stdout: 'queued is cancelled\n' });
  await ended(queued, 'cancelled');
  expect(queued.tokens).toEqual([]);

  const [victim, other] = full;
  expect(await system.cli('cancel', victim!.id)).toMatchObject({ code: 0 });
  await ended(victim!, 'cancelled');
  const seen = victim!.tokens.length;
  expect(seen).toBeLessThan(victim!.maxTokens);
  // Its place is free for the one that waits; its own tokens have stopped.
  await expectComplete([next, other!]);
  expect(victim!.tokens).toEqual(expectedTokens(victim!.id, seen));

  expect(await system.cli('cancel', 'next')).toMatchObject({ code: 1, stdout: 'next had ended before\n' });
  const unknown = await system.cli('cancel', 'never-was');
  expect(unknown.code).toBe(4);
  expect(unknown.stderr).toMatch(/^sluice: not_found: no request with id "never-was".*\n$/);
});

it('a request whose deadline passes behind a full pool ends as expired and reaches no engine', async () => {
  const full = await fill('e');
  const late = await ask(await system.client(), {
    id: 'late',
    slo_level: 'low',
    max_tokens: 5,
    deadline_ms: 300,
  });
  all.push(late);
  await ended(late, 'expired');
  expect(late.tokens).toEqual([]);
  expect(late.outcome).toMatchObject({ code: 'expired', message: expect.stringMatching(/deadline passed/) });
  await expectComplete(full);
  const { code, stderr } = await system.cli('submit', '--slo', 'low', '--id', 'late', 'why is the sky blue');
  expect(code).toBe(5);
  expect(stderr).toMatch(/expired/);
});

it('one id from two clients at once, at two levels: one execution, one answer, the whole stream for both', async () => {
  const [one, two] = [await system.client(), await system.client()];
  for (let round = 0; round < 10; round++) {
    const id = `twice-${round}`;
    const pair = await Promise.all([
      ask(one, { id, slo_level: 'high', max_tokens: 120 }),
      ask(two, { id, slo_level: 'low', max_tokens: 120 }),
    ]);
    expect(pair[0].pool).toBe(pair[1].pool);
    all.push(pair[0]);
    await expectComplete(pair);
    expect(pair[0].outcome).toEqual(pair[1].outcome);
    expect(await startedRuns(id, pair[0].pool)).toBe(1);
  }
  const shared = await ask(one, { id: 'shared', max_tokens: 800 });
  await streaming([shared]);
  const joined = await ask(two, { id: 'shared', max_tokens: 800, slo_level: 'low' });
  all.push(shared);
  await expectComplete([shared, joined]);
  expect(shared.outcome).toEqual(joined.outcome);
});
