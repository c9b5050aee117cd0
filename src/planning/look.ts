import type { PoolObservation } from '../contract/observation.js';
import { decisionSpan, isSlowDue } from './horizon.js';
import { measureLoad } from './load.js';
import type { PlannerMemory } from './memory.js';
import { prospectsOf } from './model/prospects.js';
import type { Outlook } from './outlook.js';
import type { CapacityFacts, PoolPolicy } from './policy.js';
import { expectedReplicas, type Sight } from './sight.js';
import type { Sizing } from './sizing.js';
import { budgetSeconds, comingBy, isEven, spending } from './spending.js';
import { thresholdSizing } from './threshold-sizing.js';

export interface DecideInput {
  /** Null: nothing could be observed. */
  observation: PoolObservation | null;
  policy: PoolPolicy;
  facts: CapacityFacts;
  memory: PlannerMemory;
  /** Absent or null: nothing was learned yet. */
  outlook?: Outlook | null;
  /** Unix ms. */
  now: number;
  sizing?: Sizing;
}

/** Everything that a decision looks at, of what was observed. */
export function look(input: DecideInput, o: PoolObservation): Sight {
  const { policy, facts, memory, now, outlook = null } = input;
  const load = measureLoad(o, policy, facts);
  const coldStartSeconds = o.coldStartSeconds ?? facts.coldStartSeconds;
  const expected = expectedReplicas(memory, o);
  const even = isEven(policy, memory.lastSpikeAtMs, outlook?.openUntilMs, now);
  const prospects = prospectsOf(facts, policy, outlook?.dispersion ?? null);
  return {
    o,
    policy,
    facts,
    memory,
    sizing: input.sizing ?? thresholdSizing,
    now,
    load,
    outlook,
    prospects,
    spending: spending(policy, outlook, {
      lateWaiting: o.queue.lateWaiting ?? 0,
      expected:
        (outlook?.usualRps ?? load.recentRps ?? 0) *
        budgetSeconds(decisionSpan(coldStartSeconds, policy), even),
      even,
      coming: comingBy(coldStartSeconds, {
        o,
        policy,
        outlook,
        hopelessShare: prospects?.hopeless.late ?? 0,
      }),
      hopeless: prospects?.hopeless,
    }),
    coldStartSeconds,
    expected,
    short: load.ready.prefill < expected.prefill || load.ready.decode < expected.decode,
    slow: isSlowDue(memory, policy, now),
  };
}
