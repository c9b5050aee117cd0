import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RunReport } from '../../src/contract/report.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const config = join(root, 'examples/llm/configs/global_scheduler_demo.yaml');
let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-replay-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** `sluice replay` of `rows` requests, `apart` seconds apart, on a system of its own. */
async function replay(name: string, rows: number, apart: number, ...args: string[]) {
  const trace = join(folder, `${name}.jsonl`);
  const line = (k: number) => JSON.stringify({ at_seconds: k * apart, isl: 200, osl: 20 });
  await writeFile(trace, Array.from({ length: rows }, (_, k) => line(k)).join('\n'));
  const data = join(folder, name);
  // Its own Redis, whatever this test's environment names.
  const { REDIS_URL: _, ...env } = process.env;
  const child = spawn(
    process.execPath,
    ['bin/sluice.js', 'replay', trace, '--format', 'jsonl', '-c', config, '--data', data, '--json', ...args],
    { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  return { child, data, output: collect(child) };
}

function collect(child: ChildProcess): Promise<{ code: number | null; stdout: string; stderr: string }> {
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, stdout, stderr })));
}

/** Whether anything listens on the port that the run's Redis had. */
async function redisAnswers(data: string): Promise<boolean> {
  const port = Number(await readFile(join(data, 'redis.port'), 'utf8'));
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

it('serves a mixed trace, loses nothing, repeats no token, and reports it all as JSON', async () => {
  const { output, data } = await replay('mixed', 60, 0.1, '--mix', 'high=.5,medium=.3,low=.2', '--seed', '3');
  const { code, stdout, stderr } = await output;
  expect(code, stderr).toBe(0);
  const report: RunReport = JSON.parse(stdout);
  expect(report.total).toMatchObject({
    requests: 60,
    completed: 60,
    lost: 0,
    tokens: { delivered: 1200, duplicated: 0, missing: 0 },
  });
  expect(Object.keys(report.pools)).toEqual(['high', 'medium', 'low']);
  for (const pool of Object.values(report.pools)) {
    expect(pool.requests).toBeGreaterThan(0);
    expect(pool.ttftSeconds.p50).toBeGreaterThan(0);
    expect(pool.gpuHours).toBeGreaterThan(0);
    expect(pool.maxGpus).toBeGreaterThan(0);
  }
  expect(await redisAnswers(data)).toBe(false);
});

it('on Ctrl-C cancels what is open, reports what ran, ends its system and exits 130', async () => {
  const { child, output, data } = await replay('interrupted', 600, 0.1, '--slo', 'high');
  let seen = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    seen += chunk.toString();
  });
  while (!/[1-9]\d* completed/.test(seen) && child.exitCode === null) await sleep(100);
  child.kill('SIGINT');
  const { code, stdout, stderr } = await output;
  expect(code, stderr).toBe(130);
  const { total, interrupted }: RunReport = JSON.parse(stdout);
  expect(interrupted).toBe(true);
  expect(total.gpuHours).toBeLessThanOrEqual(total.staticGpuHours);
  expect(total.requests).toBeGreaterThan(0);
  expect(total.requests).toBeLessThan(600);
  expect(total.lost).toBe(0);
  expect(await redisAnswers(data)).toBe(false);
  expect(existsSync(join(data, 'run.json'))).toBe(false);
});

it('refuses a level that no pool serves, before any request', async () => {
  const { output } = await replay('unknown', 3, 0.1, '--slo', 'gold');
  const { code, stdout, stderr } = await output;
  expect([code, stdout]).toEqual([2, '']);
  expect(stderr).toMatch(/unknown_level: expected an SLO level of high, medium, low, got "gold"/);
});
