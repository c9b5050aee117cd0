import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Heartbeat, WorkerRole } from '../../src/contract/worker.js';
import { processAlive } from '../../src/gpu/process.js';
import { until } from '../support/pool.js';
import { ask, askMany, expectComplete, Load, streaming } from '../support/requests.js';
import { sleep, TestSystem } from '../support/system.js';

const SLUICE = fileURLToPath(new URL('../../bin/sluice.js', import.meta.url));

let system: TestSystem;
beforeAll(async () => {
  system = await TestSystem.start('command.yaml', (yaml) =>
    yaml.replaceAll('SLUICE', `'${process.execPath}' '${SLUICE}'`),
  );
});
afterAll(() => system.close());

/** Engine processes that run now. */
function engines(): number[] {
  return system.processes().filter((pid) => commandLine(pid).includes('\0engine\0--sim'));
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** The engine of a worker: what it answers to, from the worker's log, and its process. */
function engineOf({ workerId }: Heartbeat): { url: string; pid: number } {
  const log = readFileSync(join(system.dataDir, 'logs', `${workerId}.log`), 'utf8');
  const url = /sim engine at (http:\S+),/.exec(log)?.[1] ?? '';
  const pid = engines().find((each) => commandLine(each).includes(`\0${new URL(url).port}\0`));
  return { url, pid: pid ?? 0 };
}

async function ready(pool: string, role: WorkerRole = 'vllm'): Promise<Heartbeat[]> {
  return (await system.workers(pool, role)).filter(({ state }) => state === 'ready');
}

it('scales from no engine to two and back under load, and loses nothing; tells of the cold start', async () => {
  expect(engines()).toEqual([]);
  const client = await system.client();
  const load = new Load(client, 'load', 120, { max_tokens: 250 });
  const printed = new Set<string>();
  await until(
    async () => {
      const workers = await system.workers('high');
      for (const line of workers.flatMap(({ engineLog }) => engineLog ?? [])) printed.add(line);
      return workers.filter(({ state }) => state === 'ready').length === 2;
    },
    'two workers',
    60_000,
  );
  expect(engines()).toHaveLength(2);
  // What an engine prints is told while it starts.
  expect([...printed].join('\n')).toMatch(/^sim engine at http/);
  await sleep(2_000);
  const asked = await load.stop();
  await expectComplete(asked);
  await until(async () => (await system.workers('high')).length === 0, 'no worker', 60_000);
  await until(() => engines().length === 0, 'no engine');
  const { planner, workers } = await system.poolStatus('high');
  expect(workers.failures).toEqual([]);
  // The engine's own second, and its process.
  const coldStartMs = await system.redis.hget(system.keys.telemetry('high', 'totals'), 'coldStartMs');
  expect(Number(coldStartMs)).toBeGreaterThan(1000);
  expect(planner.statesVisited).toEqual(expect.arrayContaining(['idle', 'scaleUp']));
  await system.expectSound(asked);
});

it('kill -9 of a worker: its engine goes with it, and its requests go on elsewhere after their last token', async () => {
  const client = await system.client();
  const asked = await askMany(client, 'cut', 12, { max_tokens: 500 });
  await until(() => asked.filter((one) => one.tokens.length > 20).length >= 4, 'tokens', 60_000);
  // One that serves them: another may have become ready and have none.
  const serving = asked.find((one) => one.tokens.length > 20)?.workers[0];
  const victim = (await ready('high')).find(({ workerId }) => workerId === serving);
  const { pid } = engineOf(victim!);
  expect(pid).toBeGreaterThan(0);
  process.kill(victim!.pid, 'SIGKILL');
  await until(() => !processAlive(pid), 'its engine is gone', 3_000);
  await expectComplete(asked);
  expect(asked.some((one) => one.workers.length > 1)).toBe(true);
  await system.expectSound(asked);
});

it('kill -9 of an engine: its worker ends as crashed, and its requests go on elsewhere', async () => {
  const client = await system.client();
  const asked = await askMany(client, 'dead', 12, { max_tokens: 500 });
  await until(() => asked.filter((one) => one.tokens.length > 20).length >= 4, 'tokens', 60_000);
  const victims = await ready('high');
  const [victim] = victims;
  process.kill(engineOf(victim!).pid, 'SIGKILL');
  await until(() => !processAlive(victim!.pid), 'its worker is gone');
  await expectComplete(asked);
  const log = readFileSync(join(system.dataDir, 'logs', `${victim!.workerId}.log`), 'utf8');
  expect(log).toContain('the engine ended by itself: killed by SIGKILL');
  await system.expectSound(asked);
});

it('disaggregated, the prefill and the decode engine each see their half of the protocol', async () => {
  const client = await system.client();
  const opening = await ask(client, { id: 'opening', slo_level: 'low', max_tokens: 5 });
  await expectComplete([opening]);
  await until(async () => (await ready('low', 'prefill')).length === 1, 'a prefill worker', 60_000);
  await sleep(1_500); // a router remembers for a second that there was none
  const asked = await Promise.all(
    [1, 2, 3].map((k) =>
      ask(client, {
        id: `half-${k}`,
        slo_level: 'low',
        prompt: `question ${k}: ${'word '.repeat(1500)}`,
        max_tokens: 60,
      }),
    ),
  );
  await streaming(asked, 1);
  const [prefill] = await ready('low', 'prefill');
  const [decode] = await ready('low');
  await expectComplete(asked);
  expect(asked.map((one) => one.workers)).toEqual(asked.map(() => [decode!.workerId]));
  const transfers = async (worker: Heartbeat) => {
    const text = await (await fetch(`${engineOf(worker).url}/metrics`)).text();
    return Object.fromEntries(
      [...text.matchAll(/kv_transfers_total\{what="(\w+)".*\} (\d+)/g)].map(([, what, count]) => [
        what,
        count,
      ]),
    );
  };
  expect(await transfers(prefill!)).toEqual({ kept: '3', given: '3', fetched: '0', failed: '0' });
  expect(await transfers(decode!)).toEqual({ kept: '0', given: '0', fetched: '3', failed: '0' });
  await system.expectSound([opening, ...asked]);
});

it('ends with everything that it started', async () => {
  process.kill(system.processes().find((pid) => commandLine(pid).includes('\0up\0'))!, 'SIGINT');
  expect(await system.upEnded(90)).toBe(0);
  expect(system.processList()).toEqual([]);
});
