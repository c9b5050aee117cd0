import { afterEach, beforeEach, expect, it } from 'vitest';
import { readLeases } from '../../src/gpu/state.js';
import { until } from '../support/pool.js';
import { askMany, expectComplete, streaming } from '../support/requests.js';
import { TestSystem } from '../support/system.js';

let system: TestSystem;
beforeEach(async () => {
  system = await TestSystem.start();
});
afterEach(() => system.close());

it('kill -9 of a worker mid-stream: its requests go on elsewhere after their last token, and it is replaced', async () => {
  const client = await system.client();
  const [victim] = await system.ready('high', 1);
  const asked = await askMany(client, 'cut', 12, { max_tokens: 500 });
  const running = () => asked.filter((one) => one.tokens.length > 0);
  await until(() => running().length >= 8, 'a full batch runs');
  await streaming(running(), 20);
  process.kill(victim!.pid, 'SIGKILL');
  const cut = running().filter((one) => one.tokens.length < one.maxTokens);
  expect(cut.length).toBeGreaterThan(0);

  await expectComplete(asked);
  for (const one of cut) expect(one.workers.length, `${one.id} was served by two workers`).toBeGreaterThan(1);

  const leases = await readLeases(system.redis, system.keys);
  expect(leases.map((lease) => lease.workerId)).not.toContain(victim!.workerId);
  expect((await system.workers('high')).length).toBeGreaterThan(0);
  await system.expectSound(asked);
});
