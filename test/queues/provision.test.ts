import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readEnvironment } from '../../src/config/environment.js';
import { findRedis } from '../../src/queues/provision/find.js';
import { missingLibraries, packagesFor } from '../../src/queues/provision/libraries.js';
import { isAlive } from '../../src/queues/provision/lock.js';
import { freePort } from '../../src/queues/provision/probe.js';
import { resolveRedis } from '../../src/queues/provision/resolve.js';
import { startRedis } from '../../src/queues/provision/server.js';
import { compileForChild } from '../support/compile.js';

const limit = { timeout: 120_000 };
let folder: string;
const cleanups: (() => Promise<unknown> | unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-provision-'));
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await rm(folder, { recursive: true, force: true });
});

async function start(options: { port?: number; dataDir?: string } = {}) {
  const server = await startRedis({ dataDir: folder, ...options });
  cleanups.push(() => server.stop());
  return server;
}

function client(url: string): Redis {
  const redis = new Redis(url, { retryStrategy: () => null });
  redis.on('error', () => undefined);
  cleanups.push(() => redis.disconnect());
  return redis;
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

test('a started server keeps an AOF, evicts nothing, and listens on loopback only', limit, async () => {
  const redis = client((await start()).url);
  const setting = async (name: string) => ((await redis.config('GET', name)) as string[])[1];
  expect(await setting('appendonly')).toBe('yes');
  expect(await setting('appendfsync')).toBe('everysec');
  expect(await setting('maxmemory-policy')).toBe('noeviction');
  expect(await setting('save')).toBe('');
  expect(await setting('bind')).toBe('127.0.0.1');
  expect(await setting('dir')).toBe(join(folder, 'redis'));
});

test('processes of this machine reach it by a socket that only its user may open', limit, async () => {
  const { localUrl } = await start();
  expect(localUrl).toBe(join(folder, 'redis.sock'));
  expect((await stat(localUrl)).mode & 0o077).toBe(0);
  expect(await client(localUrl).ping()).toBe('PONG');
});

test.each([
  ['the path of a socket would be too long', (base: string) => join(base, 'x'.repeat(100)), undefined],
  ['no socket can be made', (base: string) => base, 'redis.sock'],
])('where %s, they reach it by its port', limit, async (_, dataDirOf, taken) => {
  const dataDir = dataDirOf(folder);
  if (taken !== undefined) await mkdir(join(dataDir, taken));
  const { url, localUrl } = await start({ dataDir });
  expect(localUrl).toBe(url);
  expect(await client(localUrl).ping()).toBe('PONG');
});

test(
  'data survives kill -9 of the server and a restart on the same folder, at the same port',
  limit,
  async () => {
    const first = await start();
    const exits: unknown[] = [];
    first.onExit((exit) => exits.push(exit));
    const redis = client(first.url);
    await redis.set('kept', 'yes');
    // everysec: what is older than a second and a bit is on disk.
    await until(async () => /aof_pending_bio_fsync:0/.test(await redis.info('persistence')));
    process.kill(first.pid, 'SIGKILL');
    await until(() => exits.length > 0);
    expect(exits).toEqual([{ expected: false, code: null, signal: 'SIGKILL' }]);

    const second = await start();
    expect(second.port).toBe(first.port);
    expect(await client(second.url).get('kept')).toBe('yes');
  },
);

test('a stop writes everything to disk and is reported as expected', limit, async () => {
  const first = await start();
  const exits: unknown[] = [];
  first.onExit((exit) => exits.push(exit));
  await client(first.url).set('last', 'word');
  await first.stop();
  expect(exits).toEqual([{ expected: true, code: 0, signal: null }]);
  expect(await client((await start()).url).get('last')).toBe('word');
});

test('a second server on the same folder is refused while the first one lives', limit, async () => {
  const first = await start();
  await expect(startRedis({ dataDir: folder })).rejects.toMatchObject({
    code: 'already_running',
    message: expect.stringContaining(folder),
  });
  expect(await client(first.url).ping()).toBe('PONG');
  await first.stop();
  await start();
});

test('of many servers started at once on one folder, one runs', limit, async () => {
  const results = await Promise.allSettled(Array.from({ length: 5 }, () => start()));
  expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(1);
  for (const result of results) {
    if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'already_running' });
  }
});

test(
  'a given port that is taken is a clear error; a remembered one that is taken is replaced',
  limit,
  async () => {
    const first = await start();
    await first.stop();
    const intruder = createServer().listen(first.port, '127.0.0.1');
    await once(intruder, 'listening');
    cleanups.push(() => intruder.close());
    await expect(start({ port: first.port })).rejects.toMatchObject({
      code: 'port_in_use',
      message: expect.stringContaining(String(first.port)),
    });
    const second = await start();
    expect(second.port).not.toBe(first.port);
  },
);

test('the server ends when its owner is killed, and the folder can be used again', limit, async () => {
  const entry = await compileForChild('src/queues/provision/server.ts');
  const script = `
    import { startRedis } from ${JSON.stringify(entry)};
    const server = await startRedis({ dataDir: process.argv[1] });
    console.log(server.pid);
    setInterval(() => {}, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanups.push(() => owner.kill('SIGKILL'));
  const [line] = await once(owner.stdout, 'data');
  const pid = Number(String(line));
  expect(isAlive(pid)).toBe(true);
  // A stopped server must go as well.
  process.kill(pid, 'SIGSTOP');
  owner.kill('SIGKILL');
  await until(() => !isAlive(pid));
  await start();
});

test('a server whose owner ended by itself does not keep that owner from ending', limit, async () => {
  const entry = await compileForChild('src/queues/provision/server.ts');
  const script = `
    import { startRedis } from ${JSON.stringify(entry)};
    const server = await startRedis({ dataDir: process.argv[1] });
    console.log(server.pid);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(owner.stdout, 'data');
  if (owner.exitCode === null) await once(owner, 'exit');
  expect(owner.exitCode).toBe(0);
  await until(() => !isAlive(Number(String(line))));
});

test(
  'REDIS_URL is used when it answers and is a clear error, without its password, when not',
  limit,
  async () => {
    const { url } = await start();
    const environment = { ...readEnvironment(), redisUrl: url };
    expect(await resolveRedis({ dataDir: folder, environment })).toEqual({ url, server: null });

    const nowhere = `redis://user:hunter2@127.0.0.1:${await freePort()}`;
    const failure = resolveRedis({ dataDir: folder, environment: { ...environment, redisUrl: nowhere } });
    await expect(failure).rejects.toMatchObject({
      code: 'no_redis',
      message: expect.stringContaining('REDIS_URL'),
    });
    await expect(failure).rejects.not.toMatchObject({ message: expect.stringContaining('hunter2') });
    const wrong = resolveRedis({ dataDir: folder, environment: { ...environment, redisUrl: 'localhost' } });
    await expect(wrong).rejects.toMatchObject({ message: expect.stringContaining('expected redis://') });
  },
);

test('a data folder that cannot be made is a clear error', limit, async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(start({ dataDir: join(folder, 'file') })).rejects.toMatchObject({
    code: 'invalid_request',
    message: expect.stringContaining('--data'),
  });
});

test('with nothing to run on, the error names apt, brew and docker commands', limit, async () => {
  const environment = { ...readEnvironment(), searchPath: [], cacheDir: folder };
  await expect(findRedis(environment)).rejects.toMatchObject({ code: 'no_redis' });
  const message = await findRedis(environment).catch((error: Error) => error.message);
  for (const command of ['apt-get install redis-server', 'brew install redis', 'docker run', 'no apt-get']) {
    expect(message).toContain(command);
  }
});

const environment = readEnvironment();
const system = environment.searchPath.filter((path) => /^\/(usr\/)?s?bin$/.test(path));
const hasApt = (await Promise.all(system.map((path) => readdir(path)))).flat().includes('apt-get');

test.skipIf(!hasApt)(
  'two processes at once fetch one server that runs from the cache folder',
  limit,
  async () => {
    // A PATH with the tools that fetch, and no server.
    const tools = join(folder, 'bin');
    await mkdir(tools);
    for (const tool of ['apt-get', 'apt-cache', 'dpkg-deb', 'ldd']) {
      await symlink(join('/usr/bin', tool), join(tools, tool));
    }
    const bare = { ...environment, searchPath: [tools], cacheDir: join(folder, 'cache') };
    const lines: string[] = [];
    const [one, two] = await Promise.all([findRedis(bare, (line) => lines.push(line)), findRedis(bare)]);
    expect(one.path.startsWith(bare.cacheDir)).toBe(true);
    expect(two).toEqual(one);
    expect(lines[0]).toContain('fetching');
    expect(await readdir(join(bare.cacheDir, 'redis'))).toHaveLength(1);

    const server = await startRedis({ dataDir: folder, binary: one });
    cleanups.push(() => server.stop());
    expect(server.binary).toBe(one.path);
    expect(await client(server.url).ping()).toBe('PONG');
  },
);

test('missing libraries map to the packages that hold them', () => {
  const report =
    '\tliblzf.so.1 => not found\n\tliblua5.1.so.0 => not found\n\tlibm.so.6 => /lib/libm.so.6 (0x1)\n';
  expect(missingLibraries(report)).toEqual(['liblzf.so.1', 'liblua5.1.so.0']);
  const closure = ['redis-tools', 'libc6', 'liblzf1', 'liblua5.1-0', 'libssl3t64', 'lua-cjson', 'perl'];
  expect(packagesFor(['liblzf.so.1', 'liblua5.1.so.0'], closure)).toEqual(['liblzf1', 'liblua5.1-0']);
  expect(packagesFor(['libssl.so.3', 'lua5.1-cjson.so.0'], closure)).toEqual(['libssl3t64', 'lua-cjson']);
  expect(packagesFor(['libodd.so.9'], closure)).toEqual([
    'liblzf1',
    'liblua5.1-0',
    'libssl3t64',
    'lua-cjson',
  ]);
});
