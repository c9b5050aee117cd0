import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { COMMAND_PLACEHOLDERS } from '../../../src/config/command.js';
import { freePorts, startEngineProcess } from '../../../src/engines/openai/child.js';
import { processAlive } from '../../../src/gpu/process.js';
import { compileForChild } from '../../support/compile.js';
import { until } from '../../support/pool.js';

const values = Object.fromEntries(
  Object.keys(COMMAND_PLACEHOLDERS).map((name) => [name, name]),
) as Parameters<typeof startEngineProcess>[1];
const start = (script: string) => startEngineProcess(`sh -c '${script}' {port}`, values, () => {});

it('keeps the last lines, also one without an end, and tells how it ended', async () => {
  const engine = await start('for i in $(seq 40); do echo line $i; done; printf half >&2; exit 7');
  expect(await engine.ended).toBe('exit code 7');
  await until(
    () => engine.lastLines().at(-1) === 'half' || engine.lastLines().includes('half'),
    'all was read',
  );
  expect(engine.lastLines()).toHaveLength(20);
  expect(engine.lastLines()).toContain('line 40');
});

it('ends an engine that does not heed SIGTERM, with what it started', async () => {
  const engine = await start('trap "" TERM; sleep 100 & echo child $!; wait; sleep 100');
  await until(() => engine.lastLines().length > 0, 'its child');
  const child = Number(engine.lastLines()[0]?.split(' ')[1]);
  expect(processAlive(child)).toBe(true);
  await engine.stop({ now: true });
  expect(await engine.ended).toBe('killed by SIGKILL');
  await until(() => !processAlive(child), 'its child is gone too');
});

it('asks an engine to end before it kills it', async () => {
  const engine = await start('trap "echo bye; exit 0" TERM; echo up; while true; do sleep 0.05; done');
  await until(() => engine.lastLines().includes('up'), 'it runs');
  await engine.stop({ now: false });
  expect(await engine.ended).toBe('exit code 0');
});

it('does not give an engine the address of Redis', async () => {
  process.env.REDIS_URL = 'redis://:secret@nowhere';
  try {
    const engine = await start('echo redis=$REDIS_URL.');
    await engine.ended;
    await until(() => engine.lastLines().length > 0, 'its environment');
    expect(engine.lastLines()).toEqual(['redis=.']);
  } finally {
    delete process.env.REDIS_URL;
  }
});

it('says which program cannot be started', async () => {
  const started = startEngineProcess('/no/such/engine --port {port}', values, () => {});
  await expect(started).rejects.toThrow('engine.command: cannot start /no/such/engine');
});

it('finds ports that differ', async () => {
  expect(new Set(await freePorts(5)).size).toBe(5);
});

it('goes when the process that started it is killed, with what it started', async () => {
  const module = await compileForChild('src/engines/openai/child.ts');
  const script = `
    const { startEngineProcess } = await import(${JSON.stringify(module)});
    const command = "sh -c 'sleep 100 & echo $$ $!; wait' {port}";
    await startEngineProcess(command, ${JSON.stringify(values)}, (bytes) => process.stdout.write(bytes));
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [bytes] = await once(owner.stdout, 'data');
  const pids = String(bytes).trim().split(' ').map(Number);
  expect(pids.map(processAlive)).toEqual([true, true]);
  owner.kill('SIGKILL');
  await until(() => !pids.some(processAlive), 'both are gone', 3_000);
});
