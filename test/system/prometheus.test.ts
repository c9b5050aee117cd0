import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { until } from '../support/pool.js';
import { findPrometheus, type RunningPrometheus, startPrometheus } from '../support/prometheus.js';
import { TestSystem } from '../support/system.js';

const folder = fileURLToPath(new URL('../../deploy/prometheus', import.meta.url));
let system: TestSystem;
let prometheus: RunningPrometheus;
let gateway: string;
let promtool: string;

/** Our configuration as it is, but for the gateway's address, its own place and a quicker pace. */
async function configured(): Promise<string> {
  const file = join(system.dataDir, 'prometheus.yml');
  const text = await readFile(join(folder, 'prometheus.yml'), 'utf8');
  const changed = text
    .replace('http://127.0.0.1:8080', gateway)
    .replaceAll(/scrape_interval: 5s|evaluation_interval: 15s/g, (match) => `${match.split(':')[0]}: 1s`)
    .replace('refresh_interval: 10s', 'refresh_interval: 1s')
    .replaceAll(/- (rules|alerts)\.yml/g, (_, name) => `- ${join(folder, `${name}.yml`)}`);
  await writeFile(file, changed);
  return file;
}

beforeAll(async () => {
  const tools = await findPrometheus();
  promtool = tools.promtool;
  system = await TestSystem.start();
  gateway = (await system.role('gateway')).url ?? '';
  prometheus = await startPrometheus(tools, await configured());
});
afterAll(async () => {
  await prometheus?.stop();
  await system?.close();
});

it('a real Prometheus finds and scrapes every process, and counts what the status counts', async () => {
  await system.ready('high', 1);
  const client = await system.client();
  const ask = async (count: number) => {
    const handles = await Promise.all(
      Array.from({ length: count }, () =>
        client.submit({ prompt: 'Count to ten.', max_tokens: 4, slo_level: 'high' }),
      ),
    );
    await Promise.all(handles.map(({ done }) => done));
  };
  await ask(8);
  const found = async () => {
    const targets = await prometheus.targets();
    const names = targets.map(({ labels }) => [labels.role, labels.pool].filter(Boolean).join(' '));
    return { bad: targets.filter(({ health }) => health === 'down'), names: [...new Set(names)].sort() };
  };
  const wanted = ['allocator', 'gateway', 'ingress', 'planner high', 'planner low', 'worker high'];
  await until(
    async () => {
      const { names } = await found();
      return wanted.every((name) => names.includes(name));
    },
    'every process is a target',
    30_000,
  );
  await until(
    async () => {
      await ask(2);
      const [completed] = await prometheus.query('sluice_requests_total{pool="high",outcome="completed"}');
      return (
        (completed?.value ?? 0) >= 10 && (await prometheus.query('sluice:slo_errors:ratio_rate5m')).length > 0
      );
    },
    'the scrapes show the requests and the rules make of them',
    60_000,
  );
  const { bad, names } = await found();
  expect(names).toEqual(expect.arrayContaining(wanted));
  expect(bad).toEqual([]);

  // Nothing runs any more: scrape and status tell the same.
  const status = await system.poolStatus('high');
  await until(
    async () => {
      const [completed] = await prometheus.query('sluice_requests_total{pool="high",outcome="completed"}');
      return completed?.value === status.counts.completed;
    },
    'Prometheus counts what the status counts',
    10_000,
  );
  const value = async (series: string) => (await prometheus.query(series))[0]?.value;
  expect(await value('sluice_slo_attainment_ratio{pool="high",window="run"}')).toBe(status.run.attainment);
  expect(await value('sluice_time_to_first_token_seconds_count{pool="high"}')).toBe(status.counts.completed);
  expect(await value('sluice_tensor_parallel_degree{pool="high"}')).toBe(1);
  expect(await value('sluice_worker_requests_active{pool="high"}')).toBe(0);
  expect(await value('min(sluice_redis_up)')).toBe(1);
  expect(await value('sum(sluice_planner_state{pool="high"})')).toBe(1);
  expect(await value('nodejs_eventloop_lag_p99_seconds{role="allocator"}')).toBeGreaterThan(0);
  expect(await value('bullmq_job_count{queue="high.decode",state="completed"}')).toBeGreaterThanOrEqual(10);
});

it('promtool finds nothing wrong with names, types and help texts', async () => {
  const text = await (await fetch(`${gateway}/metrics`)).text();
  const child = spawn(promtool, ['check', 'metrics'], { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  child.stdin.end(text);
  const code = await new Promise((resolve) => child.once('close', resolve));
  // Names that Node's and BullMQ's own exporters give are theirs.
  const ours = said.split('\n').filter((line) => line.startsWith('sluice_'));
  expect({ ours, parsed: code !== 1 }).toEqual({ ours: [], parsed: true });
});
