import type { PoolObservation } from '../contract/observation.js';
import { counted, type Load, meanRate } from './load.js';
import type { PlannerMemory } from './memory.js';
import type { Prospects } from './model/prospects.js';
import type { Outlook } from './outlook.js';
import type { CapacityFacts, PoolPolicy } from './policy.js';
import type { Replicas } from './replicas.js';
import type { Sizing } from './sizing.js';
import type { Spending } from './spending.js';

/** Everything that one decision looks at. */
export interface Sight {
  o: PoolObservation;
  policy: PoolPolicy;
  facts: CapacityFacts;
  memory: PlannerMemory;
  sizing: Sizing;
  /** Unix ms. */
  now: number;
  load: Load;
  /** Null: the load is not known well enough yet. */
  outlook: Outlook | null;
  /** Predictions by the capacity model; null: the engine has none. */
  prospects: Prospects | null;
  spending: Spending;
  /** Measured, else configured. */
  coldStartSeconds: number;
  /** Workers that should be ready: what was ordered, as far as the allocator granted it. */
  expected: Replicas;
  /** Ready workers fall short of the expected. */
  short: boolean;
  /** The slow loop is due. */
  slow: boolean;
}

/** What was ordered, as far as it was granted; an order without an answer yet counts in full. */
export function expectedReplicas(memory: PlannerMemory, o: PoolObservation): Replicas {
  const { desired, order, generation } = memory;
  if (order !== null || o.grant === null || o.grant.generation < generation) return desired;
  return {
    prefill: Math.min(desired.prefill, o.grant.prefill),
    decode: Math.min(desired.decode, o.grant.decode),
  };
}

/** Requests/s over about a quarter of a cold start, at least the newest seconds. */
export function rateNow(s: Sight): number | null {
  return rateOver(s, s.coldStartSeconds / 4);
}

/** Requests/s over so many seconds, as far as the window knows them, at least the newest. */
export function rateOver({ o, load }: Sight, seconds: number): number | null {
  const span = Math.round(seconds);
  return span < 5 ? load.recentRps : (meanRate(counted(o.load.arrivals), span) ?? load.recentRps);
}
