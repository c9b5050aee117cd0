import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { type InspectorRelay, serveInspector } from '../../src/cli/up/inspector.js';
import { freshMemory } from '../../src/planning/memory.js';
import { NONE } from '../../src/planning/replicas.js';
import { Inspection } from '../../src/scheduler/planner-loop/inspection.js';
import { beginning } from '../../src/scheduler/planner-loop/snapshot.js';
import { until } from '../support/pool.js';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function serve(port: number | null = 0): Promise<InspectorRelay> {
  const relay = await serveInspector(port);
  ends.push(() => relay.close());
  return relay;
}

function watched(url: string, pool: string): Inspection {
  const inspection = new Inspection(url, `session-${pool}`, pool, pino({ level: 'silent' }));
  ends.push(() => inspection.close());
  return inspection;
}

function receive(server: string): StatelyInspectionEvent[] {
  const heard: StatelyInspectionEvent[] = [];
  createWebSocketReceiver({ server }).subscribe((event) => void heard.push(event));
  return heard;
}

/** A step after which the planner says so. */
const said = (pool: string, why = 'started') => ({
  snapshot: { ...beginning(pool, freshMemory(NONE, 0, 0), 0, 0), why },
  record: null,
  decision: null,
});
const whyOf = (event: StatelyInspectionEvent | undefined) =>
  (event as { snapshot?: { context?: { why?: string } } } | undefined)?.snapshot?.context?.why;

test('one that comes late has each actor, where it is, and at most the newest 200 messages', async () => {
  const { url } = await serve();
  const first = receive(url);
  const [quiet, busy] = [watched(url, 'quiet'), watched(url, 'busy')];
  quiet.see({ type: 'RESUME', now: 1 }, said('quiet', 'once'));
  busy.see({ type: 'RESUME', now: 1 }, said('busy'));
  await until(() => first.filter(({ type }) => type === '@xstate.actor').length === 2, 'both actors');
  quiet.see({ type: 'RESUME', now: 2 }, said('quiet', 'last word'));
  await until(() => first.some((event) => whyOf(event) === 'last word'), 'the last word');
  for (let n = 0; n < 400; n++) busy.see({ type: 'RESUME', now: n }, said('busy', `look ${n}`));
  await until(() => whyOf(first.at(-1)) === 'look 399', 'the last look');

  const late = receive(url);
  await until(() => whyOf(late.at(-1)) === 'look 399', 'the past');
  const head = late.slice(0, -200);
  expect(head.filter(({ type }) => type === '@xstate.actor').map(({ sessionId }) => sessionId)).toEqual([
    'session-quiet',
    'session-busy',
  ]);
  expect(head.map(whyOf)).toContain('last word');
  expect(late.length).toBe(203);
});

test('a planner shows itself again to a relay that has come back, and only what is of the protocol is passed on', async () => {
  const relay = await serve();
  const { url } = relay;
  const inspection = watched(url, 'high');
  const before = receive(url);
  inspection.see({ type: 'RESUME', now: 1 }, said('high'));
  await until(() => before.length > 0, 'the actor');
  await relay.close();
  inspection.see({ type: 'RESUME', now: 2 }, said('high', 'unseen'));
  await serve(Number(new URL(url).port));
  const after = receive(url);
  await until(() => after.length > 0, 'the actor again', 10_000);
  expect(after[0]).toMatchObject({ type: '@xstate.actor', name: 'planner high' });
  expect(whyOf(after[0])).toBe('unseen');

  const junk = new WebSocket(url);
  await new Promise((resolve) => junk.once('open', resolve));
  for (const text of ['', '{', 'null', '{"type":"x","sessionId":"s"}', '{"type":"@xstate.event"}'])
    junk.send(text);
  junk.send('{"type":"@xstate.event","sessionId":"other app","event":{"type":"E"}}');
  await until(() => after.some(({ sessionId }) => sessionId === 'other app'), 'what another app says');
  expect(after.every(({ sessionId }) => ['session-high', 'other app'].includes(sessionId))).toBe(true);
  // Longer than a message may be: its sender is cut off, nobody else.
  junk.send('x'.repeat(300 * 1024));
  await new Promise((resolve) => junk.once('close', resolve));
  inspection.see({ type: 'RESUME', now: 3 }, said('high', 'still here'));
  await until(() => whyOf(after.at(-1)) === 'still here', 'the next look');
});

test('a port that is taken is an error where it was asked for, and another one where it was not', async () => {
  const usual = await serve(null);
  const port = Number(new URL(usual.url).port);
  await expect(serveInspector(port)).rejects.toMatchObject({ code: 'port_in_use' });
  const other = await serve(null);
  expect(other.url).not.toBe(usual.url);
});

test('a look at which nothing was decided is not shown, but for the first', async () => {
  const { url } = await serve();
  const heard = receive(url);
  const inspection = watched(url, 'high');
  inspection.see({ type: 'TICK', now: 1 }, said('high', 'the first'));
  await until(() => heard.length > 0, 'the actor');
  inspection.see({ type: 'TICK', now: 2 }, said('high', 'quiet'));
  inspection.see({ type: 'PAUSE', now: 3 }, said('high', 'paused'));
  await until(() => whyOf(heard.at(-1)) === 'paused', 'what an operator did');
  expect(heard.map(whyOf)).not.toContain('quiet');
});
