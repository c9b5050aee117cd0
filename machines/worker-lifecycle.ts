import { assign, setup } from 'xstate';

/** What may happen to a worker. Times are Unix ms. */
export type WorkerEvent =
  /** The engine can serve. */
  | { type: 'READY'; now: number }
  /** Take no new request, finish what runs. */
  | { type: 'DRAIN'; now: number; reason: string }
  /** The drain is taken back: serve on. */
  | { type: 'KEEP'; now: number }
  /** Nothing runs any more. */
  | { type: 'EMPTY'; now: number }
  /** The drain's time is over; what still runs goes back to the queue. */
  | { type: 'DEADLINE'; now: number }
  | { type: 'FAIL'; now: number; reason: string };

export interface WorkerContext {
  startedAtMs: number;
  readyAtMs: number | null;
  drainingSinceMs: number | null;
  /** Why it drains or failed; null while neither. */
  reason: string | null;
}

/**
 * The life of one worker. Its states are those of the heartbeat (contract/worker.ts). Used through the pure
 * `transition`; the worker process feeds it and does what the state it came to means. A drain during the start goes
 * to `draining` and is over as soon as EMPTY comes; a drain taken back returns to where the engine was.
 */
export const workerLifecycle = setup({
  types: {
    context: {} as WorkerContext,
    events: {} as WorkerEvent,
    input: {} as { now: number },
  },
  guards: {
    wasReady: ({ context }) => context.readyAtMs !== null,
  },
  actions: {
    ready: assign(({ context, event }) => ({ readyAtMs: context.readyAtMs ?? event.now })),
    drain: assign(({ event }) => ({
      drainingSinceMs: event.now,
      reason: event.type === 'DRAIN' ? event.reason : null,
    })),
    keep: assign({ drainingSinceMs: null, reason: null }),
    fail: assign(({ event }) => ({ reason: event.type === 'FAIL' ? event.reason : null })),
  },
}).createMachine({
  id: 'worker',
  context: ({ input }) => ({
    startedAtMs: input.now,
    readyAtMs: null,
    drainingSinceMs: null,
    reason: null,
  }),
  initial: 'starting',
  states: {
    starting: {
      on: {
        READY: { target: 'ready', actions: 'ready' },
        DRAIN: { target: 'draining', actions: 'drain' },
        FAIL: { target: 'failed', actions: 'fail' },
      },
    },
    ready: {
      on: {
        DRAIN: { target: 'draining', actions: 'drain' },
        FAIL: { target: 'failed', actions: 'fail' },
      },
    },
    draining: {
      on: {
        READY: { actions: 'ready' },
        KEEP: [
          { guard: 'wasReady', target: 'ready', actions: 'keep' },
          { target: 'starting', actions: 'keep' },
        ],
        EMPTY: 'stopped',
        DEADLINE: 'stopped',
        FAIL: { target: 'failed', actions: 'fail' },
      },
    },
    stopped: { type: 'final' },
    failed: { type: 'final' },
  },
});
