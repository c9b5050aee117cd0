import fc from 'fast-check';
import { expect, test } from 'vitest';
import { initialTransition, transition } from 'xstate';
import { type WorkerEvent, workerLifecycle } from '../../machines/worker-lifecycle.js';
import { workerStateSchema } from '../../src/contract/worker.js';

function live(...events: WorkerEvent[]) {
  let [snapshot] = initialTransition(workerLifecycle, { now: 1 });
  for (const event of events) [snapshot] = transition(workerLifecycle, snapshot, event);
  return snapshot;
}
const ready: WorkerEvent = { type: 'READY', now: 2 };
const drain: WorkerEvent = { type: 'DRAIN', now: 3, reason: 'fewer are wanted' };
const keep: WorkerEvent = { type: 'KEEP', now: 4 };
const empty: WorkerEvent = { type: 'EMPTY', now: 5 };

test('starts, serves, drains, stops', () => {
  expect(live().value).toBe('starting');
  expect(live(ready)).toMatchObject({ value: 'ready', context: { readyAtMs: 2 } });
  expect(live(ready, drain)).toMatchObject({
    value: 'draining',
    context: { drainingSinceMs: 3, reason: 'fewer are wanted' },
  });
  expect(live(ready, drain, empty)).toMatchObject({ value: 'stopped', status: 'done' });
  expect(live(ready, drain, { type: 'DEADLINE', now: 9 }).value).toBe('stopped');
});

test('a drain taken back returns to where the engine was', () => {
  expect(live(ready, drain, keep)).toMatchObject({ value: 'ready', context: { drainingSinceMs: null } });
  expect(live(drain, keep).value).toBe('starting');
  expect(live(drain, ready, keep).value).toBe('ready');
});

test('a failure ends it from anywhere before its end, with its reason', () => {
  const fail: WorkerEvent = { type: 'FAIL', now: 6, reason: 'out of memory' };
  for (const before of [[], [ready], [ready, drain]])
    expect(live(...before, fail)).toMatchObject({ value: 'failed', context: { reason: 'out of memory' } });
  expect(live(ready, drain, empty, fail).value).toBe('stopped');
});

test('an idle worker that is not draining does not stop', () => {
  expect(live(ready, empty).value).toBe('ready');
});

test('its states are those of the heartbeat, and an end is an end', () => {
  expect(Object.keys(workerLifecycle.states).sort()).toEqual([...workerStateSchema.options].sort());
  const any = fc.constantFrom<WorkerEvent>(ready, drain, keep, empty, { type: 'FAIL', now: 6, reason: 'x' });
  fc.assert(
    fc.property(fc.array(any), any, (events, last) => {
      const before = live(...events);
      const after = live(...events, last);
      if (before.status === 'done') expect(after.value).toBe(before.value);
    }),
  );
});
