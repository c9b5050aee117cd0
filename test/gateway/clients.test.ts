import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Gateway } from '../../src/gateway/gateway.js';
import { HandEngine, startPoolWorker, type TestWorker, until } from '../support/pool.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';
import { gatewayConfig, openGateway } from './support.js';

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const python = spawnSync('python3', ['-c', 'import http.client']).status === 0;
const CLIENTS: [string, boolean, string[]][] = [
  ['simple_client.py', python, ['python3', at('examples/llm/components/simple_client.py')]],
  ['simple_client.ts', true, [process.execPath, at('dist/examples/llm/components/simple_client.js')]],
];

const config = gatewayConfig();
const quick = new HandEngine(100, true);
/** Serves the level low: makes three tokens and waits. */
const slow = new HandEngine(100);
let redis: TestRedis;
let gateway: Gateway;
const workers: TestWorker[] = [];
beforeAll(async () => {
  redis = await startTestRedis();
  gateway = await openGateway(redis.url, config);
  for (const pool of ['high', 'medium']) {
    workers.push(await startPoolWorker(redis.url, config, pool, quick, `w-${pool}`));
  }
  workers.push(await startPoolWorker(redis.url, config, 'low', slow, 'w-low'));
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  await gateway.close();
  await redis.stop();
});

function run([program = '', ...first]: string[], ...args: string[]) {
  const child = spawn(program, [...first, ...args], {
    env: { ...process.env, SLUICE_URL: gateway.url, SLUICE_API_KEY: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { code: null as number | null, stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => {
    said.stdout += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    said.stderr += String(chunk);
  });
  return new Promise<typeof said>((resolve) => child.once('close', (code) => resolve({ ...said, code })));
}

const words = (id: string, count: number) => Array.from({ length: count }, (_, k) => `${id}:${k} `).join('');

describe.each(CLIENTS)('%s', (_name, here, client) => {
  it.skipIf(!here)('streams and waits, chat and completions, at the level asked for', async () => {
    const ways = [[], ['--no-stream'], ['--completions'], ['--completions', '--no-stream']];
    const levels = ['high', 'medium', 'high', 'medium'];
    await Promise.all(
      ways.map(async (way, k) => {
        const { code, stdout, stderr } = await run(
          client,
          ...way,
          '--level',
          levels[k]!,
          '--max-tokens',
          '6',
          'hello',
        );
        const [, id = '', level, tokens] = /^(\S+): level (\w+), \d+ \+ (\d+) tokens\n$/.exec(stderr) ?? [];
        expect({ code, level, tokens, stdout }, stderr).toEqual({
          code: 0,
          level: levels[k],
          tokens: '6',
          stdout: `${words(id, 6)}\n`,
        });
      }),
    );
  });

  it.skipIf(!here)('cancels in mid-stream, which frees the engine', async () => {
    const before = slow.seen.length;
    const asked = run(client, '--level', 'low', '--max-tokens', '50', '--cancel-after', '1');
    await until(() => slow.seen.length > before, 'the engine has it');
    const { id } = slow.seen.at(-1)!;
    slow.allow(id, 3);
    const { code, stdout, stderr } = await asked;
    expect(code).toBe(0);
    expect(stdout).toContain(`${id}:0`);
    expect(stderr).toContain(`cancelled ${id}`);
    await until(() => slow.aborted.includes(id), 'the engine is freed', 5_000);
  });

  it.skipIf(!here)("shows the gateway's errors, and that nobody answers", async () => {
    const [unknown, wrong, nobody] = await Promise.all([
      run(client, '--level', 'gold'),
      run(client, '--no-stream', '--model', 'gpt-9'),
      run(client, '--url', 'http://127.0.0.1:1'),
    ]);
    expect(unknown).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^400 unknown_level: slo_level/),
    });
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringMatching(/^404 unknown_model: model/) });
    expect(nobody).toMatchObject({ code: 3, stderr: expect.stringContaining('no Sluice at') });
  });
});
