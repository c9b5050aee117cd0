import { expect, it } from 'vitest';
import type { TransitionRecord } from '../../../src/contract/transition.js';
import { shapeRequests } from '../../../src/simulator/workload/shape.js';
import { onePool, run } from './support.js';

/** Requests/s from each second on, within ten seconds; prompts of 4,000 tokens, answers of 400. */
function load(steps: readonly (readonly [number, number])[], seconds: number, seed: number) {
  const lengths = (median: number, max: number) => ({ median, sigma: 0.4, min: 1, max });
  const rate = steps.flatMap(([from, rps], k) => [
    { atSeconds: k === 0 ? from : from + 10, rps },
    { atSeconds: steps[k + 1]?.[0] ?? seconds, rps },
  ]);
  const shape = { rate, isl: lengths(4000, 16_000), osl: lengths(400, 1000) };
  return shapeRequests({ level: 'medium', ...shape }, seed);
}

/** Seconds from the first record, and workers ordered. */
function orders(records: readonly TransitionRecord[]): [number, number][] {
  const start = records[0]?.atMs ?? 0;
  return records.flatMap(({ atMs, order }) =>
    order === null ? [] : [[Math.round((atMs - start) / 1000), order.decode] as [number, number]],
  );
}

/** Orders for more within three minutes after one for fewer. */
function wantedBack(made: readonly [number, number][]): [number, number][] {
  return made.filter(([at, workers], k) => {
    const [before = 0, had = 0] = made[k - 1] ?? [];
    const [, earlier = 0] = made[k - 2] ?? [];
    return workers > had && had < earlier && at - before < 180;
  });
}

it('after an overload workers leave one by one while the backlog is worked off, and none is wanted back', () => {
  const fields = { gpuBudget: { guaranteed: 4, ceiling: 4 }, maxWorkers: 4 };
  const config = onePool(
    { ...fields, costOptimization: true, burstProtection: true },
    { coldStartSeconds: 120 },
  );
  // 3 requests/s are one worker's work or two; 30 are many times that of four.
  const steps = [
    [0, 3],
    [300, 30],
    [1200, 3],
  ] as const;
  const { records } = run(config, load(steps, 4200, 1), { warmUpSeconds: 200 });
  const made = orders(records).filter(([at]) => at > 1300);
  expect(made.length).toBeGreaterThan(1);
  expect(wantedBack(made)).toEqual([]);
});
