import { expect, it } from 'vitest';
import { onePool, run, steady } from './support.js';

it('a pool that may fall to none keeps its last worker while requests come rarely, and lets it go when idle', () => {
  const config = onePool({ minWorkers: 0, costOptimization: true }, { coldStartSeconds: 60 });
  // One request in 33 s on average: the window of a minute is often empty, idle (180 s) the pool hardly ever is.
  const load = { warmUpSeconds: 600, durationSeconds: 12_000 };
  const { result, records } = run(config, steady(0.03, 10_800, 1), load);
  const { tally, figures } = result.pools.medium!;
  expect(tally.attained / tally.requests).toBeGreaterThanOrEqual(0.97);
  const orders = records.filter(({ order }) => order !== null);
  expect(orders.length).toBeLessThan(12);
  expect(orders.at(-1)?.order).toMatchObject({ decode: 0 });
  expect(figures.gpuSeconds).toBeLessThan(12_000);
});
