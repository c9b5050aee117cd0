import type { PoolObservation } from '../src/contract/observation.js';
import type { PlannerMemory } from '../src/planning/memory.js';
import type { Plan, PlanNumbers } from '../src/planning/plan.js';

/** What may happen to a planner. All times are Unix ms; time comes in as TICK and nowhere else. */
export type PlannerEvent =
  /** `plan` is what `decide` made of `observation` and the machine's own memory. */
  | { type: 'TICK'; now: number; observation: PoolObservation | null; plan: Plan }
  /** The allocator applied the order of this generation, or a newer one. */
  | { type: 'ORDER_CONFIRMED'; now: number; generation: number }
  | { type: 'ORDER_FAILED'; now: number; generation: number; error: string }
  | { type: 'PAUSE'; now: number }
  | { type: 'RESUME'; now: number }
  | { type: 'SET_FLOOR'; now: number; min: number }
  /** Plan and record only, or order again. */
  | { type: 'SET_ADVISORY'; now: number; on: boolean }
  /** The process was restarted and goes on from its snapshot. */
  | { type: 'RESTORED'; now: number };

export interface PlannerContext {
  pool: string;
  memory: PlannerMemory;
  /** Why the last transition was taken, and its numbers. */
  why: string;
  numbers: PlanNumbers;
}

export interface PlannerInput {
  pool: string;
  memory: PlannerMemory;
}

/** The parts of a plan that can be ordered. */
export type ProposalName = 'more' | 'surge' | 'fewer' | 'floor' | 'restate';
/** The parts of a plan that can be asked. */
export type VerdictName = 'blind' | 'idle' | 'spike' | 'calm' | 'arrived' | 'drained';

export function planOf(event: PlannerEvent): Plan | null {
  return event.type === 'TICK' ? event.plan : null;
}
