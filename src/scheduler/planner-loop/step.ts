import { transition } from 'xstate';
import { plannerMachine } from '../../../machines/planner.js';
import type { PlannerEvent } from '../../../machines/planner-types.js';
import type { PoolObservation } from '../../contract/observation.js';
import type { TransitionRecord } from '../../contract/transition.js';
import { decide } from '../../planning/decide.js';
import type { Outlook } from '../../planning/outlook.js';
import type { CapacityFacts, PoolPolicy } from '../../planning/policy.js';
import { type PlannerSnapshot, stateOf, toMachine } from './snapshot.js';

/** What became of one event: the planner afterwards, and what there is to publish (null: nothing changed). */
export interface Step {
  snapshot: PlannerSnapshot;
  record: TransitionRecord | null;
}

export interface Look {
  /** Null: nothing could be observed. */
  observation: PoolObservation | null;
  policy: PoolPolicy;
  facts: CapacityFacts;
  /** Absent: nothing was learned yet. */
  outlook?: Outlook | null;
  /** Unix ms. */
  now: number;
}

/** One tick: decide on what is seen, then let the machine take it. Pure; live and simulated planners use it alike. */
export function tick(
  before: PlannerSnapshot,
  { observation, policy, facts, outlook = null, now }: Look,
): Step {
  const plan = decide({ observation, policy, facts, outlook, memory: before.memory, now });
  return step(before, { type: 'TICK', now, observation, plan }, facts, outlook);
}

/**
 * Feeds one event to the machine. A change of state, a new order, and whatever an operator, a restart or a failed
 * order brings make a transition record. Pure.
 */
export function step(
  before: PlannerSnapshot,
  event: PlannerEvent,
  facts: CapacityFacts | null = null,
  outlook: Outlook | null = null,
): Step {
  const [after] = transition(plannerMachine, toMachine(before), event);
  const { memory, why, numbers } = after.context;
  const state = stateOf(after);
  const ordered = memory.generation > before.memory.generation;
  const routine = event.type === 'TICK' || event.type === 'ORDER_CONFIRMED';
  const publish = state !== before.state || ordered || !routine;
  const sequence = before.sequence + (publish ? 1 : 0);
  const snapshot = { ...before, state, sequence, atMs: event.now, why, memory };
  if (!publish) return { snapshot, record: null };
  const { type } = event;
  return {
    snapshot,
    record: {
      pool: before.pool,
      sequence,
      atMs: event.now,
      from: before.state,
      to: state,
      event: type,
      reason: why,
      numbers,
      order: ordered ? memory.order : null,
      observation: event.type === 'TICK' ? event.observation : null,
      basis: {
        memory: before.memory,
        facts: facts === null ? null : { ...facts },
        outlook,
        event: carried(event),
      },
    },
  };
}

/** What an event brings besides plan and observation. */
function carried(event: PlannerEvent): Record<string, unknown> {
  if (event.type !== 'TICK') return { ...event };
  return { type: event.type, now: event.now };
}
