import { spawnSync } from 'node:child_process';
import { afterEach, expect, it } from 'vitest';
import { readEnvironment } from '../../src/config/environment.js';
import { findRedis } from '../../src/queues/provision/find.js';
import { until } from '../support/pool.js';
import { ask, askMany, expectComplete, Load } from '../support/requests.js';
import { sleep, TestSystem } from '../support/system.js';

let system: TestSystem;
afterEach(() => system.close());

/** As `ulimit -f`, on a process that runs: no file of it may grow beyond so many bytes. */
function limitFiles(pid: number, bytes: number | 'unlimited'): void {
  const { status, stderr } = spawnSync('prlimit', ['--pid', String(pid), `--fsize=${bytes}:unlimited`], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`prlimit: ${stderr}`);
}

/** Redis as it is found here, but a write beyond a limit fails, as on a full disk, in place of ending it. */
async function redisWithoutSignal(): Promise<string> {
  const { path, libraryPath } = await findRedis(readEnvironment());
  const library = libraryPath === null ? '' : `LD_LIBRARY_PATH='${libraryPath}' `;
  return `#!/bin/sh\ntrap '' XFSZ\n${library}exec '${path}' "$@"\n`;
}

const hasLimits = spawnSync('prlimit', ['--version']).status === 0;

it.runIf(hasLimits)(
  'a full disk: a request is refused in one clear line, and what was accepted before completes once there is room',
  async () => {
    system = await TestSystem.start('system.yaml', (yaml) => yaml, await redisWithoutSignal());
    await system.ready('high', 1);
    const client = await system.client();
    const load = new Load(client, 'before', 300, { max_tokens: 800 });
    await until(() => load.asked.filter((one) => one.tokens.length > 0).length >= 4, 'load');
    // Their only token comes with their end, which Redis will refuse.
    const prompt = (k: number) => `number ${k} ${'word '.repeat(40_000)}`;
    const single = await Promise.all(
      [0, 1, 2, 3].map((k) => ask(client, { id: `single-${k}`, prompt: prompt(k), max_tokens: 1 })),
    );
    const asked = [...(await load.stop()), ...single];

    const redis = await system.redisPid();
    limitFiles(redis, 1);
    await until(
      async () => (await system.redis.set('fill', 'x').catch(String)).includes('MISCONF'),
      'Redis refuses writes',
    );
    for (const id of [[], ['--id', 'named']]) {
      const { code, stdout, stderr } = await system.cli('submit', '--slo', 'high', ...id, 'hello');
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toMatch(
        /^sluice: redis_full: Redis refuses writes, so the request was not accepted;.*\n$/,
      );
    }
    await expect(client.submit({ prompt: 'hello', id: 'other' })).rejects.toMatchObject({
      code: 'redis_full',
      retryable: true,
    });
    // Long enough for locks and leases to run out.
    await sleep(6_000);

    limitFiles(redis, 'unlimited');
    await until(
      async () => (await system.redis.set('fill', 'x').catch(String)) === 'OK',
      'Redis writes again',
    );
    await expectComplete(asked);
    await system.recovered('high');
    const after = await ask(client, { id: 'named', max_tokens: 10 });
    await expectComplete([after]);
    await system.expectSound([...asked, after]);
    // Nothing of the shortage stays: a worker has all of its room, and ends as soon as it is empty.
    const full = await askMany(client, 'full', 16, { max_tokens: 1000 });
    await until(
      async () => (await system.workers('high')).some((beat) => beat.load?.runningSequences === 8),
      'a full batch',
    );
    await expectComplete(full);
    process.kill(system.supervisorPid, 'SIGINT');
    expect(await system.upEnded(80)).toBe(0);
    expect(system.said).not.toContain('drain deadline');
  },
);
