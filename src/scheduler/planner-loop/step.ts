import { takePlannerEvent } from '../../../machines/planner.js';
import type { PlannerEvent } from '../../../machines/planner-types.js';
import type { PoolObservation } from '../../contract/observation.js';
import type { PlannerState, TransitionRecord } from '../../contract/transition.js';
import { decide } from '../../planning/decide.js';
import type { PlannerMemory } from '../../planning/memory.js';
import type { Outlook } from '../../planning/outlook.js';
import type { PlanNumbers } from '../../planning/plan.js';
import type { CapacityFacts, PoolPolicy } from '../../planning/policy.js';
import { type Replicas, same, show } from '../../planning/replicas.js';
import { type PlannerSnapshot, stateOf, toMachine } from './snapshot.js';

/** What became of one event: the planner afterwards, and what there is to tell of it. */
export interface Step {
  snapshot: PlannerSnapshot;
  /** To publish; null: nothing changed. */
  record: TransitionRecord | null;
  /** To keep: the same where something changed, and every plan of the slow loop; null: neither. */
  decision: TransitionRecord | null;
  /** Of the plan, where one was made. */
  numbers?: PlanNumbers;
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
export function tick(before: PlannerSnapshot, look: Look): Step {
  const { observation, policy, facts, outlook = null, now } = look;
  const plan = decide({ observation, policy, facts, outlook, memory: before.memory, now });
  const taken = step(before, { type: 'TICK', now, observation, plan }, { policy, facts, outlook });
  return { ...taken, numbers: plan.numbers };
}

/**
 * Feeds one event to the machine. A change of state, a new order or advice, and whatever an operator, a restart or a failed
 * order brings make a transition record. Pure.
 */
export function step(
  before: PlannerSnapshot,
  event: PlannerEvent,
  known: { policy: PoolPolicy; facts: CapacityFacts; outlook: Outlook | null } | null = null,
): Step {
  const machine = takePlannerEvent(toMachine(before), event);
  const { why, numbers } = machine.context;
  const after = withAdvice(before, machine.context.memory, stateOf(machine), event, known?.policy ?? null);
  const { state, memory, advice } = after;
  const ordered = memory.generation > before.memory.generation;
  const routine = event.type === 'TICK' || event.type === 'ORDER_CONFIRMED';
  const news = memory.advised !== null && !sameAdvice(memory, before.memory);
  const publish = state !== before.state || ordered || !routine || news;
  const slow = event.type === 'TICK' && event.plan.numbers.slow === true;
  const sequence = before.sequence + (publish ? 1 : 0);
  const snapshot = { ...before, state, sequence, atMs: event.now, why, memory };
  if (!publish && !slow) return { snapshot, record: null, decision: null };
  const { type } = event;
  const decision: TransitionRecord = {
    pool: before.pool,
    sequence,
    atMs: event.now,
    from: before.state,
    to: state,
    event: type,
    reason: advice === null ? why : `advisory: would order ${show(advice)}: ${why}`,
    numbers,
    order: ordered ? memory.order : null,
    advice: advice === null ? null : { ...advice, reason: why },
    observation: event.type === 'TICK' ? event.observation : null,
    candidates: event.type === 'TICK' ? [...event.plan.candidates] : [],
    basis: {
      memory: before.memory,
      facts: known === null ? null : { ...known.facts },
      outlook: known?.outlook ?? null,
      ...(known === null ? {} : { policy: { ...known.policy } }),
      event: carried(event),
    },
  };
  return { snapshot, record: publish ? decision : null, decision };
}

/** In advisory mode what the machine ordered is advice: the planner stays where it was, as if it had not. */
function withAdvice(
  before: PlannerSnapshot,
  memory: PlannerMemory,
  state: PlannerState,
  event: PlannerEvent,
  policy: PoolPolicy | null,
): { state: PlannerState; memory: PlannerMemory; advice: Replicas | null } {
  const { memory: past } = before;
  if (event.type !== 'TICK' || policy === null || !(past.advisory ?? policy.advisory))
    return { state, memory, advice: null };
  const slow = event.plan.numbers.slow === true;
  if (memory.generation === past.generation)
    return { state, memory: slow ? { ...memory, advised: null } : memory, advice: null };
  const { desired, generation, order, orderedAtMs, retryAtMs, drainFrom, lastMoreAtMs } = past;
  const kept = { desired, generation, order, orderedAtMs, retryAtMs, drainFrom, lastMoreAtMs };
  return {
    state: before.state,
    memory: { ...memory, ...kept, advised: memory.desired },
    advice: memory.desired,
  };
}

function sameAdvice(a: PlannerMemory, b: PlannerMemory): boolean {
  return a.advised !== null && b.advised !== null && same(a.advised, b.advised);
}

/** What an event brings besides plan and observation. */
function carried(event: PlannerEvent): Record<string, unknown> {
  if (event.type !== 'TICK') return { ...event };
  return { type: event.type, now: event.now };
}
