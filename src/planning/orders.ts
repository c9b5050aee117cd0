import type { ScaleOrder } from '../contract/scale.js';
import type { PlannerMemory } from './memory.js';
import type { Plan, Proposal } from './plan.js';
import { exceeds } from './replicas.js';

/** First wait after a failed order, ms; doubles up to 64 times. */
const RETRY_MS = 1000;
const RETRY_DOUBLINGS = 6;

/** The memory after a new order for the proposed replicas: a generation of its own, above all that was seen. */
export function placeOrder(memory: PlannerMemory, plan: Plan, proposal: Proposal): PlannerMemory {
  const generation = Math.max(memory.generation, plan.seenGeneration) + 1;
  const order: ScaleOrder = {
    pool: plan.pool,
    generation,
    ...proposal.replicas,
    reason: proposal.why,
    observationId: plan.observationId,
  };
  const fewer = exceeds(memory.desired, proposal.replicas);
  const more = exceeds(proposal.replicas, memory.desired);
  return {
    ...memory,
    desired: proposal.replicas,
    generation,
    order,
    orderedAtMs: plan.now,
    retryAtMs: null,
    drainFrom: more ? null : fewer ? (memory.drainFrom ?? memory.desired) : memory.drainFrom,
    lastMoreAtMs: more ? plan.now : memory.lastMoreAtMs,
    sightings: { prefill: 0, decode: 0, forecast: 0 },
  };
}

/** The allocator answered `generation`: an order of that age is done with. */
export function confirmOrder(memory: PlannerMemory, generation: number): PlannerMemory {
  if (memory.order === null || generation < memory.order.generation) return memory;
  return { ...memory, order: null, failures: 0, retryAtMs: null };
}

/**
 * An order came to nothing. A scale-down that failed is given up (what it would have taken is wanted again);
 * anything else is ordered again, under a new generation, after a wait.
 */
export function failOrder(memory: PlannerMemory, generation: number, nowMs: number): PlannerMemory {
  if (memory.order === null || memory.order.generation !== generation) return memory;
  const wait = RETRY_MS * 2 ** Math.min(memory.failures, RETRY_DOUBLINGS);
  return {
    ...memory,
    desired: memory.drainFrom ?? memory.desired,
    drainFrom: null,
    order: null,
    failures: memory.failures + 1,
    retryAtMs: nowMs + wait,
  };
}

/** A restart or a pause lies between what was seen before and now: count sightings and silence from here. */
export function resume(memory: PlannerMemory, nowMs: number): PlannerMemory {
  return {
    ...memory,
    sightings: { prefill: 0, decode: 0, forecast: 0 },
    lastTrafficAtMs: memory.lastTrafficAtMs === null ? null : nowMs,
  };
}
