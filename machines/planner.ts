import { assign, setup } from 'xstate';
import { freshMemory } from '../src/planning/memory.js';
import { confirmOrder, failOrder, placeOrder, resume } from '../src/planning/orders.js';
import { NONE } from '../src/planning/replicas.js';
import {
  type PlannerContext,
  type PlannerEvent,
  type PlannerInput,
  type ProposalName,
  planOf,
  type VerdictName,
} from './planner-types.js';
import { pureTransition } from './pure-transition.js';

/**
 * The life of one pool's planner. It sequences: each guard asks the plan that came with the tick, each action takes
 * over what src/planning computed. Used through the pure `takePlannerEvent` only; no `after`, no `invoke`, so a snapshot
 * is all there is. An order stands in `memory.order` until the allocator has answered it: whoever drives the
 * machine persists the snapshot first and then sends that order, again and again.
 */
const planner = setup({
  types: {
    context: {} as PlannerContext,
    events: {} as PlannerEvent,
    input: {} as PlannerInput,
  },
  guards: {
    proposes: ({ event }, { kind }: { kind: ProposalName }) => (planOf(event)?.[kind] ?? null) !== null,
    finds: ({ event }, { verdict }: { verdict: VerdictName }) => planOf(event)?.[verdict].is === true,
    lacks: ({ event }, { verdict }: { verdict: VerdictName }) => planOf(event)?.[verdict].is === false,
    /** The burst is over, and workers it ordered are still to come. */
    calmButShort: ({ event }) => {
      const plan = planOf(event);
      return plan?.calm.is === true && !plan.arrived.is;
    },
    isNewest: ({ context, event }) =>
      event.type === 'ORDER_FAILED' && context.memory.order?.generation === event.generation,
  },
  actions: {
    order: assign(({ context, event }, { kind }: { kind: ProposalName }) => {
      const plan = planOf(event);
      const proposal = plan?.[kind] ?? null;
      if (plan === null || proposal === null) return context;
      return { memory: placeOrder(plan.memory, plan, proposal), why: proposal.why, numbers: plan.numbers };
    }),
    note: assign(({ context, event }, { verdict }: { verdict: VerdictName }) => {
      const plan = planOf(event);
      if (plan === null) return context;
      return { memory: plan.memory, why: plan[verdict].why, numbers: plan.numbers };
    }),
    watch: assign(({ context, event }) => {
      const plan = planOf(event);
      if (plan === null) return context;
      return { memory: plan.memory, why: plan.reason, numbers: plan.numbers };
    }),
    answer: assign(({ context, event }) => {
      if (event.type !== 'ORDER_CONFIRMED') return context;
      const why = `the allocator answered order ${event.generation}`;
      return { memory: confirmOrder(context.memory, event.generation), why, numbers: {} };
    }),
    fail: assign(({ context, event }) => {
      if (event.type !== 'ORDER_FAILED') return context;
      const memory = failOrder(context.memory, event.generation, event.now);
      return { memory, why: `order ${event.generation} failed: ${event.error}`, numbers: {} };
    }),
    setFloor: assign(({ context, event }) => {
      if (event.type !== 'SET_FLOOR') return context;
      const why = `an operator set the floor to ${event.min}`;
      return { memory: { ...context.memory, floor: event.min }, why, numbers: { floor: event.min } };
    }),
    setAdvisory: assign(({ context, event }) => {
      if (event.type !== 'SET_ADVISORY') return context;
      const why = event.on
        ? 'an operator moved it to advisory: it plans and orders nothing'
        : 'an operator ended advisory: it orders again';
      const memory = { ...context.memory, advisory: event.on, advised: null };
      return { memory, why, numbers: { advisory: event.on } };
    }),
    goOn: assign(({ context, event }, { why }: { why: string }) => {
      return { memory: resume(context.memory, event.now), why, numbers: {} };
    }),
    say: assign((_, { why }: { why: string }) => ({ why, numbers: {} })),
  },
});

// What several states do on a tick, most urgent first: a state takes the first whose guard holds.
const blind = {
  guard: { type: 'finds', params: { verdict: 'blind' } },
  target: 'degraded',
  actions: { type: 'note', params: { verdict: 'blind' } },
} as const;
const surge = {
  guard: { type: 'proposes', params: { kind: 'surge' } },
  target: 'burstProtect',
  actions: { type: 'order', params: { kind: 'surge' } },
} as const;
const spike = {
  guard: { type: 'finds', params: { verdict: 'spike' } },
  target: 'burstProtect',
  actions: { type: 'note', params: { verdict: 'spike' } },
} as const;
const more = {
  guard: { type: 'proposes', params: { kind: 'more' } },
  target: 'scaleUp',
  actions: { type: 'order', params: { kind: 'more' } },
} as const;
const floor = {
  guard: { type: 'proposes', params: { kind: 'floor' } },
  target: 'idle',
  actions: { type: 'order', params: { kind: 'floor' } },
} as const;
const idle = {
  guard: { type: 'finds', params: { verdict: 'idle' } },
  target: 'idle',
  actions: { type: 'note', params: { verdict: 'idle' } },
} as const;
const again = {
  guard: { type: 'proposes', params: { kind: 'restate' } },
  actions: { type: 'order', params: { kind: 'restate' } },
} as const;
const watch = { actions: 'watch' } as const;

/** An actor that is only a scope (pure-transition.ts) comes without input. */
function beginning(input: PlannerInput | undefined): PlannerContext {
  const { pool = '', memory = NO_MEMORY } = input ?? {};
  return { pool, memory, why: 'started', numbers: {} };
}
const NO_MEMORY = freshMemory(NONE, 0, 0);

export const plannerMachine = planner.createMachine({
  id: 'planner',
  context: ({ input }) => beginning(input),
  initial: 'idle',
  on: {
    ORDER_CONFIRMED: { actions: 'answer' },
    ORDER_FAILED: { guard: 'isNewest', target: '.degraded', actions: 'fail' },
    PAUSE: { target: '.paused', actions: { type: 'say', params: { why: 'paused by an operator' } } },
    SET_FLOOR: { actions: 'setFloor' },
    SET_ADVISORY: { actions: 'setAdvisory' },
    RESTORED: { actions: { type: 'goOn', params: { why: 'restored from its snapshot after a restart' } } },
  },
  states: {
    /** No traffic, at the floor. */
    idle: {
      on: {
        TICK: [
          blind,
          surge,
          spike,
          more,
          {
            guard: { type: 'lacks', params: { verdict: 'idle' } },
            target: 'steady',
            actions: { type: 'note', params: { verdict: 'idle' } },
          },
          floor,
          again,
          watch,
        ],
      },
    },
    steady: {
      on: {
        TICK: [
          blind,
          surge,
          spike,
          more,
          floor,
          idle,
          {
            guard: { type: 'proposes', params: { kind: 'fewer' } },
            target: 'costOptimize',
            actions: { type: 'order', params: { kind: 'fewer' } },
          },
          again,
          watch,
        ],
      },
    },
    /** An order for more is in flight; more need raises it. */
    scaleUp: {
      on: {
        TICK: [
          blind,
          surge,
          spike,
          more,
          floor,
          again,
          {
            guard: { type: 'finds', params: { verdict: 'arrived' } },
            target: 'steady',
            actions: { type: 'note', params: { verdict: 'arrived' } },
          },
          watch,
        ],
      },
    },
    /** A burst: surge, and nothing goes until it was calm for the configured time. */
    burstProtect: {
      on: {
        TICK: [
          blind,
          surge,
          { ...more, target: 'burstProtect' },
          again,
          {
            guard: 'calmButShort',
            target: 'scaleUp',
            actions: { type: 'note', params: { verdict: 'calm' } },
          },
          {
            guard: { type: 'finds', params: { verdict: 'calm' } },
            target: 'steady',
            actions: { type: 'note', params: { verdict: 'calm' } },
          },
          watch,
        ],
      },
    },
    /** A worker drains that the load no longer needs; returning load takes the drain back. */
    costOptimize: {
      on: {
        TICK: [
          blind,
          surge,
          spike,
          more,
          floor,
          again,
          {
            guard: { type: 'finds', params: { verdict: 'drained' } },
            target: 'steady',
            actions: { type: 'note', params: { verdict: 'drained' } },
          },
          watch,
        ],
      },
    },
    /** Telemetry, allocator or orders fail: hold the last good plan, order it again with growing waits. */
    degraded: {
      on: {
        TICK: [
          again,
          { guard: { type: 'finds', params: { verdict: 'blind' } }, actions: 'watch' },
          {
            guard: { type: 'lacks', params: { verdict: 'arrived' } },
            target: 'scaleUp',
            actions: { type: 'note', params: { verdict: 'arrived' } },
          },
          {
            target: 'steady',
            actions: { type: 'note', params: { verdict: 'blind' } },
          },
        ],
      },
    },
    /** By an operator. Sees, and orders nothing. */
    paused: {
      on: {
        TICK: watch,
        PAUSE: {},
        ORDER_FAILED: { guard: 'isNewest', actions: 'fail' },
        RESUME: { target: 'steady', actions: { type: 'goOn', params: { why: 'resumed by an operator' } } },
      },
    },
  },
});

/** One event's pure transition. */
export const takePlannerEvent = pureTransition(plannerMachine);
