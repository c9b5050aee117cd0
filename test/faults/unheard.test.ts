import { afterEach, expect, it } from 'vitest';
import { askMany, expectComplete } from '../support/requests.js';
import { TestSystem } from '../support/system.js';

let system: TestSystem;
afterEach(() => system.close());

it('sluice up whose reader is gone drains as after Ctrl-C: exit 0, what ran completes, no process is left', async () => {
  system = await TestSystem.start();
  await system.ready('high', 1);
  const client = await system.client();
  const open = await askMany(client, 'unheard', 4, { max_tokens: 200 });
  const { pid } = await system.role('planner low');
  system.stopReading();
  // Its restart is told, to nobody.
  process.kill(pid, 'SIGKILL');
  await expectComplete(open);
  expect(await system.upEnded(60)).toBe(0);
  expect(system.processList()).toEqual([]);
});
