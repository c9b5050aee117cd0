import { expect, test } from 'vitest';
import type { TransitionRecord } from '../../../src/contract/transition.js';
import { loadProfile } from '../../../src/profile/load.js';
import { recompute } from '../../../src/scheduler/planner-loop/replay.js';
import { simulate } from '../../../src/simulator/run/simulate.js';
import { onePool } from './support.js';

/** Two minutes of 3 requests/s of `isl` tokens, under a TTFT target. */
function decisions(ttftSeconds: number, isl = 800): { all: TransitionRecord[]; maxGpus: number } {
  const all: TransitionRecord[] = [];
  const { maxGpus } = simulate({
    config: onePool({
      targets: { ttftSeconds, itlSeconds: 0.06 },
      gpuBudget: { guaranteed: 8, ceiling: 8 },
      maxWorkers: 8,
    }),
    engines: { medium: { profile: loadProfile('llama-3.1-8b-fp8-h100'), tp: { vllm: 1, prefill: 1 } } },
    requests: Array.from({ length: 360 }, (_, k) => ({ atSeconds: k / 3, level: 'medium', isl, osl: 60 })),
    onDecision: (record) => all.push(record),
  });
  return { all: all.filter(({ pool }) => pool === 'medium'), maxGpus };
}

test('each plan of a pool whose promise no fleet can keep says by how much, and what would; nothing is scaled for it', () => {
  const { all, maxGpus } = decisions(0.01);
  const plans = all.filter(({ numbers, order }) => numbers.slow === true && order === null);
  expect(plans.length).toBeGreaterThan(5);
  for (const plan of plans) {
    expect(plan.reason).toMatch(
      /infeasible: unloaded TTFT .* against 0\.01 s .* a target of TTFT .* would do/,
    );
    expect(recompute(plan)).toEqual(plan);
  }
  expect(maxGpus).toBe(1);
});

test('none of a pool that can', () => {
  const { all } = decisions(1);
  expect(all.length).toBeGreaterThan(5);
  for (const { reason, basis } of all) {
    expect(reason).not.toContain('infeasible');
    expect(basis?.facts?.infeasible).toBeUndefined();
  }
});
