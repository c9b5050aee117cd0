import { describe, expect, test } from 'vitest';
import { backlogOf, isHeavy, isLeft, needToWorkOff, worksOff } from '../../src/planning/backlog.js';
import { decide } from '../../src/planning/decide.js';
import { look } from '../../src/planning/look.js';
import type { Outlook } from '../../src/planning/outlook.js';
import type { PoolPolicy } from '../../src/planning/policy.js';
import { facts, granted, memory, modelled, observation, policy, T } from './support.js';

const saver = policy({ costOptimization: true, gpuCeiling: 9, maxWorkers: 9 });
const outlook = (rps: number, usualRps?: number): Outlook => ({
  leads: [{ seconds: 15, rates: Array(8).fill(rps) }],
  ...(usualRps === undefined ? {} : { usualRps }),
  dispersion: 1,
  ended: 1000,
  missed: 0,
  asideBefore: 0,
  pardoned: 0,
});

/** A pool whose usual load is `rps`, with so many requests of 100 tokens that stand aside. One worker does 4 requests/s. */
const input = (workers: number, rps: number, aside: number) => ({
  observation: observation({
    ready: workers,
    arrivals: rps,
    running: 1,
    waiting: aside,
    waitingTokens: aside * 100,
    lateWaiting: aside,
    lateTokens: aside * 100,
    grant: granted(workers),
  }),
  policy: saver,
  facts: modelled,
  memory: memory(workers),
  outlook: { ...outlook(rps, rps), asideBefore: aside, pardoned: aside },
  now: T,
});
const plan = (workers: number, rps: number, aside: number) => decide(input(workers, rps, aside));
const sight = (aside: number, over: Partial<PoolPolicy> = {}) => {
  const all = { ...input(1, 2, aside), policy: { ...saver, ...over } };
  return look(all, all.observation);
};

describe('the work that stands aside', () => {
  test('is counted in requests of usual size, to be done in a quarter of an hour beside what usually comes', () => {
    expect(backlogOf(sight(1800), 7)).toEqual({ requests: 1800, rps: 4, share: 1 });
    expect(backlogOf(sight(0), 7)).toBeNull();
    expect(backlogOf({ ...sight(1800), facts }, 7)).toBeNull();
  });

  test('is set against the forecast where nothing is usual yet', () => {
    const s = { ...sight(1800), outlook: outlook(2) };
    expect(backlogOf(s, 8)).toEqual({ requests: 1800, rps: 10, share: 0.25 });
    expect(backlogOf(s, 0)).toEqual({ requests: 1800, rps: 2, share: Number.POSITIVE_INFINITY });
  });

  test('waits for prefill workers where prompts do', () => {
    const apart = sight(1800, { disaggregated: true });
    const backlog = { requests: 900, rps: 9, share: 0.5 };
    expect(needToWorkOff(backlog, apart)).toEqual({ prefill: 3, decode: 0 });
    expect(worksOff({ prefill: 2, decode: 9 }, backlog, apart)).toBe(false);
    const halves = { ...apart.facts, model: modelled.model && { ...modelled.model, split: 0.5 } };
    expect(needToWorkOff(backlog, { ...apart, facts: halves })).toEqual({ prefill: 2, decode: 0 });
  });

  test('is heavy from half of the usual load on, and left down to a twentieth', () => {
    const of = (share: number) => ({ requests: 1, rps: 1, share });
    expect([0.5, 0.51].map((share) => isHeavy(of(share)))).toEqual([false, true]);
    expect([0.05, 0.06].map((share) => isLeft(of(share)))).toEqual([false, true]);
  });
});

describe('a planner', () => {
  test('orders workers for what stands aside only once it is much and would not be done in time', () => {
    expect(plan(1, 2, 800).more).toBeNull();
    expect(plan(1, 2, 1700).more).toBeNull();
    const { more } = plan(1, 2, 2700);
    expect(more?.replicas).toEqual({ prefill: 0, decode: 2 });
    expect(more?.why).toMatch(/2,?700 requests of usual size stand aside.* 5 requests\/s: needs 2/);
  });

  test('says of the fleets that it weighed which would not do', () => {
    const { candidates } = plan(1, 2, 2700);
    expect(candidates.slice(1).map(({ decode, holds, why }) => [decode, holds, why])).toEqual([
      [1, false, 'too few to work off what stands aside'],
      [2, true, 'the fewest GPUs that keep the level'],
      [3, true, 'keeps the level too, with 1 GPU more'],
    ]);
    expect(plan(1, 2, 800).candidates[1]).toMatchObject({ decode: 1, holds: true });
  });

  test('keeps a worker until what stands aside would be done without it', () => {
    expect(plan(2, 0.5, 0).fewer?.replicas.decode).toBe(1);
    expect(plan(2, 0.5, 3100).fewer?.replicas.decode).toBe(1);
    expect(plan(2, 0.5, 3200).fewer).toBeNull();
    // Nothing comes any more: two workers until one is enough for the rest.
    expect([3700, 3600].map((aside) => plan(2, 0, aside).fewer?.replicas.decode)).toEqual([undefined, 1]);
  });
});
