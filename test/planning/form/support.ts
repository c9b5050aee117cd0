import { decide } from '../../../src/planning/decide.js';
import { type FormMemory, NO_FORM } from '../../../src/planning/form/memory.js';
import type { PlannerMemory } from '../../../src/planning/memory.js';
import type { CapacityFacts, PoolPolicy } from '../../../src/planning/policy.js';
import type { Replicas } from '../../../src/planning/replicas.js';
import { facts, memory, observation, policy, T } from '../support.js';

const worker = (rps: number, sequences: number) => ({
  rps,
  sequences,
  itlSeconds: 0.05,
  classes: [{ share: 1, tokens: 1000, workSeconds: 1 / rps, ownSeconds: 0.1 }],
});

/**
 * A worker serves 2 whole requests/s, or prefills 5/s, or decodes 10/s: for much load, 1 whole = 0.4 prefill + 0.2 decode.
 * Targets x buffer are 1 s, a cold start is 10 s.
 */
export const both: CapacityFacts = {
  ...facts,
  rps: { prefill: 5, decode: 2 },
  model: { prefill: worker(5, 1), decode: worker(2, 20) },
  halves: {
    rps: { prefill: 5, decode: 10 },
    prefillTokensPerSecond: 5000,
    model: { prefill: worker(5, 1), decode: worker(10, 100), split: 1 },
  },
};

export const auto = (fields: Partial<PoolPolicy> = {}): PoolPolicy =>
  policy({ form: 'auto', costOptimization: true, gpuCeiling: 32, maxWorkers: 32, ...fields });

/** A pool that holds `held`, all of it granted and ready, and expects `rps`. */
export function choose(
  held: Replicas,
  rps: number,
  fields: Partial<PoolPolicy> = {},
  has: Partial<PlannerMemory> & { form?: FormMemory } = {},
  seen: { ready?: Replicas; granted?: Replicas } = {},
) {
  const ready = seen.ready ?? held;
  const observed = observation({
    ready: ready.decode,
    readyPrefill: ready.prefill,
    arrivals: rps,
    running: rps > 0 ? 1 : 0,
    waiting: held.decode === 0 ? 1 : 0,
    grant: { generation: 1, ...(seen.granted ?? held), shortage: 'none' },
  });
  return decide({
    observation: observed,
    policy: auto(fields),
    facts: both,
    memory: { ...memory(held.decode), desired: held, lastMoreAtMs: T - 1_000_000, ...has },
    outlook: {
      leads: [{ seconds: 15, rates: Array.from({ length: 8 }, () => rps) }],
      dispersion: 1,
      ended: 0,
      missed: 0,
      asideBefore: null,
      pardoned: 0,
    },
    now: T,
  });
}

/** What a planner remembers of its form, weighed 5 s ago. */
export const formed = (fields: Partial<FormMemory> = {}): { form: FormMemory } => ({
  form: { ...NO_FORM, weighedAtMs: T - 5000, ...fields },
});
