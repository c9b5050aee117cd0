import { afterEach, expect, it } from 'vitest';
import { until } from '../support/pool.js';
import { ask, askMany, expectComplete, expectedTokens, streaming } from '../support/requests.js';
import { TestSystem } from '../support/system.js';

const DRAIN_SECONDS = 4;
/** A drain, what the allocator adds to it, and a slow machine. */
const END_LIMIT_MS = (DRAIN_SECONDS + 40) * 1000;

let system: TestSystem;
afterEach(() => system.close());

const shortDrain = (yaml: string) => yaml.replace('drain_seconds: 30', `drain_seconds: ${DRAIN_SECONDS}`);

it.each([
  ['alone', false],
  ['together with the allocator', true],
])(
  'kill -9 of the supervisor %s: all processes end by themselves, and a new one completes what was open',
  async (_, both) => {
    system = await TestSystem.start('system.yaml', shortDrain);
    await system.ready('high', 1);
    const allocator = await system.role('allocator');
    const first = await system.client();
    const early = await ask(first, { id: 'early', max_tokens: 20 });
    await expectComplete([early]);
    const open = await askMany(first, 'open', 14, { max_tokens: 900 });
    await until(() => open.filter((one) => one.tokens.length > 10).length >= 4, 'some run, some wait');

    process.kill(system.supervisorPid, 'SIGKILL');
    if (both) process.kill(allocator.pid, 'SIGKILL');
    const left = () => `the end of:\n${system.processList().join('\n')}`;
    await until(() => system.processes().length === 0, left, END_LIMIT_MS);
    await first.close();

    await system.up();
    const second = await system.client();
    const again = await askMany(second, 'open', 14, { max_tokens: 900 });
    await expectComplete(again);
    const same = await ask(second, { id: 'early', max_tokens: 20 });
    await expectComplete([same]);
    expect(same.outcome).toEqual(early.outcome);
    // What the first client saw was the beginning of the same answer.
    for (const one of open) expect(one.tokens).toEqual(expectedTokens(one.id, one.tokens.length));
    await system.expectSound([...again, same]);
  },
);

it('an answered request is not run again by a later system', async () => {
  system = await TestSystem.start('system.yaml', shortDrain);
  const [worker] = await system.ready('high', 1);
  const done = await ask(await system.client(), { id: 'once', max_tokens: 30 });
  await streaming([done]);
  await expectComplete([done]);
  process.kill(system.supervisorPid, 'SIGKILL');
  await until(() => system.processes().length === 0, 'all processes end', END_LIMIT_MS);
  await system.up();
  const again = await ask(await system.client(), { id: 'once', max_tokens: 30 });
  await expectComplete([again]);
  expect(again.outcome).toMatchObject({ result: { workerId: worker!.workerId } });
});

it('with nothing to finish, no process waits for the time that a drain may take', async () => {
  system = await TestSystem.start('system.yaml', (yaml) =>
    yaml.replace('drain_seconds: 30', 'drain_seconds: 600'),
  );
  await system.ready('high', 1);
  await system.role('gateway');
  process.kill(system.supervisorPid, 'SIGKILL');
  const left = () => `the end of:\n${system.processList().join('\n')}`;
  await until(() => system.processes().length === 0, left, END_LIMIT_MS);
});
