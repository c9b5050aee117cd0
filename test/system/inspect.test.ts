import { execFileSync, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect';
import { createInspectorServer } from '@statelyai/inspect/server';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { PLANNER_STATES } from '../../src/contract/transition.js';
import { until } from '../support/pool.js';
import { TestSystem } from '../support/system.js';

const SECRET = 'a prompt that nobody else may read';

let system: TestSystem;
let url = '';

beforeAll(async () => {
  system = await TestSystem.start('system.yaml', undefined, undefined, ['--inspect', '0']);
  const found = () => /inspector at (ws:\/\/\S+)\n/.exec(system.said)?.[1];
  await until(() => found() !== undefined, 'the inspector is named', 20_000);
  url = found()!;
});
afterAll(() => system.close());

/** Everything that the package's own receiver hears from now on. */
function receive(server = url): StatelyInspectionEvent[] {
  const heard: StatelyInspectionEvent[] = [];
  createWebSocketReceiver({ server }).subscribe((event) => void heard.push(event));
  return heard;
}

function actorsOf(heard: readonly StatelyInspectionEvent[]) {
  return heard.filter((event) => event.type === '@xstate.actor');
}

/** Where a snapshot says that the planner is. */
function placeOf(event: StatelyInspectionEvent): unknown {
  return 'snapshot' in event ? (event.snapshot as { value?: unknown }).value : undefined;
}

it("the package's receiver sees each planner as a statechart, and its state as it changes", async () => {
  const heard = receive();
  await until(() => actorsOf(heard).length === 2, 'two actors', 20_000);
  const names = actorsOf(heard).map(({ name }) => name);
  expect(names.sort()).toEqual(['planner high', 'planner low']);
  const high = actorsOf(heard).find(({ name }) => name === 'planner high')!;
  const { sessionId, rootId, definition, snapshot } = high;
  expect(rootId).toBe(sessionId);
  expect(Object.keys(JSON.parse(definition!).states).sort()).toEqual([...PLANNER_STATES].sort());
  expect(PLANNER_STATES).toContain(snapshot.value);
  expect(snapshot.context.pool).toBe('high');

  // A look of each planner, again and again.
  const own = () => heard.filter((event) => event.sessionId === sessionId);
  await until(() => own().some(({ type }) => type === '@xstate.snapshot'), 'a look', 10_000);
  expect((await system.cli('scale', 'high', '--pause')).code).toBe(0);
  await until(() => placeOf(own().at(-1)!) === 'paused', 'paused');
  const at = own().findIndex((event) => event.type === '@xstate.event' && event.event.type === 'PAUSE');
  expect(own()[at + 1]).toMatchObject({
    type: '@xstate.snapshot',
    event: { type: 'PAUSE' },
    snapshot: { status: 'active', value: 'paused', context: { why: 'paused by an operator' } },
  });
  expect((await system.cli('scale', 'high', '--resume')).code).toBe(0);
  await until(() => placeOf(own().at(-1)!) !== 'paused', 'resumed');
  for (const event of heard) {
    expect(event).toMatchObject({ sessionId: expect.any(String), rootId: expect.any(String) });
    expect(Number(event.createdAt)).toBeGreaterThan(Date.now() - 600_000);
    expect(event._version).toMatch(/^\d+\.\d+\.\d+$/);
  }
});

it('one that comes later has every planner where it is, and none that is gone', async () => {
  const before = receive();
  await until(() => actorsOf(before).length === 2, 'two actors');
  const gone = actorsOf(before).find(({ name }) => name === 'planner low')!.sessionId;
  const pid = Number(/-(\d+)-[0-9a-f]{8}$/.exec(gone)?.[1]);
  process.kill(pid, 'SIGKILL');
  await until(
    () => actorsOf(before).some(({ name, sessionId }) => name === 'planner low' && sessionId !== gone),
    'another planner of low',
    30_000,
  );
  const later = receive();
  await until(() => later.length > 2, 'the past');
  const actors = actorsOf(later);
  expect(actors.map(({ name }) => name).sort()).toEqual(['planner high', 'planner low']);
  expect(later.some(({ sessionId }) => sessionId === gone)).toBe(false);
});

it("a planner that runs alone is shown to the package's own relay", async () => {
  const port = await freePort();
  const relay = createInspectorServer({ port, autoOpen: false });
  const config = join(system.dataDir, 'other.yaml');
  writeFileSync(config, 'namespace: other\n');
  const { redisUrl, dataDir } = system;
  const args = ['planner', 'medium', '-c', config, '--data', dataDir, '--inspect', `ws://127.0.0.1:${port}`];
  const child = spawn(process.execPath, ['bin/sluice.js', ...args], {
    env: { ...process.env, REDIS_URL: redisUrl },
    stdio: 'ignore',
  });
  try {
    const heard = receive(`ws://127.0.0.1:${port}`);
    // Where it looked before it was connected, the next look that it shows may be half a minute away: the actor tells the first.
    await until(() => actorsOf(heard).length > 0, 'the planner', 20_000);
    expect(actorsOf(heard).map(({ name }) => name)).toEqual(['planner medium']);
    expect(PLANNER_STATES).toContain(actorsOf(heard)[0]!.snapshot.value);
  } finally {
    child.kill('SIGTERM');
    await new Promise((resolve) => child.once('exit', resolve));
    relay.stop();
  }
});

it('nothing that a request says is shown', async () => {
  const heard = receive();
  expect((await system.cli('submit', '--slo', 'high', SECRET)).code).toBe(0);
  const from = heard.length;
  await until(() => heard.length > from + 6, 'two looks more', 20_000);
  expect(JSON.stringify(heard)).not.toContain(SECRET);
});

it('only this machine is let in, and no page of another site', async () => {
  const { port } = new URL(url);
  const reach = (address: string, headers: Record<string, string> = {}) =>
    new Promise<string>((resolve) => {
      const socket = new WebSocket(address, { headers });
      socket.on('open', () => resolve('open'));
      socket.on('error', (error) => resolve(error.message));
    }).then((outcome) => outcome.replace(/ \S+:\d+$/, ''));
  expect(await reach(url)).toBe('open');
  expect(await reach(url, { origin: 'http://localhost:8080' })).toBe('open');
  expect(await reach(url, { origin: 'https://evil.example' })).toMatch(/401/);
  expect(await reach(url, { host: `evil.example:${port}` })).toMatch(/401/);
  const outside = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.internal === false && one.family === 'IPv4');
  if (outside !== undefined) expect(await reach(`ws://${outside.address}:${port}`)).toMatch(/ECONNREFUSED/);
});

it('a relay on another machine is refused before anything starts', () => {
  const up = (where: string) => {
    try {
      execFileSync('node', ['bin/sluice.js', 'up', '--inspect', where, '--data', system.dataDir], {
        stdio: 'pipe',
      });
      return 'started';
    } catch (error) {
      return String((error as { stderr: Buffer }).stderr);
    }
  };
  for (const where of ['ws://10.0.0.5:8080', 'http://127.0.0.1:8080', 'wss://127.0.0.1', '99999', 'here'])
    expect(up(where), where).toContain('--inspect: expected a WebSocket on loopback');
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
