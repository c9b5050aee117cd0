import { afterEach, expect, it } from 'vitest';
import { processAlive } from '../../src/gpu/process.js';
import { until } from '../support/pool.js';
import { askMany, expectComplete, expectedTokens, streaming } from '../support/requests.js';
import { TestSystem } from '../support/system.js';

let system: TestSystem;
afterEach(() => system.close());

it('SIGTERM to a worker: it finishes what it runs, takes nothing new, and ends when empty', async () => {
  system = await TestSystem.start();
  const [worker] = await system.ready('high', 1);
  const client = await system.client();
  const running = await askMany(client, 'running', 4, { max_tokens: 800 });
  await streaming(running);
  process.kill(worker!.pid, 'SIGTERM');
  await until(
    async () => (await system.workers('high')).some((b) => b.pid === worker!.pid && b.state === 'draining'),
    'it drains',
  );
  const later = await askMany(client, 'later', 4, { max_tokens: 50 });
  await expectComplete([...running, ...later]);
  for (const one of running) expect(one.workers).toEqual([worker!.workerId]);
  for (const one of later) expect(one.workers).not.toContain(worker!.workerId);
  await until(() => !processAlive(worker!.pid), 'it ends');
  await system.expectSound([...running, ...later]);
});

it('at its drain deadline a worker puts its requests back: they go on elsewhere after their last token', async () => {
  system = await TestSystem.start('system.yaml', (yaml) =>
    // One worker at a time: a planned scale-down would move the requests once more.
    yaml.replace('drain_seconds: 30', 'drain_seconds: 0.2').replace('max_workers: 2', 'max_workers: 1'),
  );
  const [worker] = await system.ready('high', 1);
  const asked = await askMany(await system.client(), 'moved', 6, { max_tokens: 1500 });
  await streaming(asked);
  process.kill(worker!.pid, 'SIGTERM');
  await until(() => !processAlive(worker!.pid), 'it ends');
  for (const one of asked) expect(one.tokens).toEqual(expectedTokens(one.id, one.tokens.length));
  await expectComplete(asked);
  for (const one of asked) expect(one.workers.length).toBe(2);
  await system.expectSound(asked);
});
