import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { SluiceError } from '../../src/contract/errors.js';
import { connect, redisError } from '../../src/queues/connection.js';
import { redactUrl } from '../../src/queues/redis-url.js';
import { assertRedis, serverDefects } from '../../src/queues/server-check.js';
import { startTestRedis, type TestRedis } from '../support/redis.js';

let server: TestRedis;
let admin: Redis;

beforeAll(async () => {
  server = await startTestRedis();
  admin = new Redis(server.url);
}, 60_000);
afterAll(async () => {
  admin.disconnect();
  await server.stop();
});

const at = (user: string) => `redis://${user}@127.0.0.1:${server.port}`;
const refusal = async (url: string, options = {}) =>
  assertRedis(url, options).then(
    () => 'none',
    (error: Error) => error.message,
  );

it.each([
  ['redis://bob:hunter2@h:6379/1', 'redis://***@h:6379/1'],
  ['redis://user:se@cret@h', 'redis://***@h'],
  ['redis://h:6379?password=hunter2', 'redis://h:6379'],
  ['redis://h?password=p@ss', 'redis://***'],
  ['redis://:a/b@h', 'redis://***'],
  ['redis://default:12#ss@h:6379', 'redis://***'],
  ['redis://h:6379', 'redis://h:6379'],
  ['/data/redis.sock', '/data/redis.sock'],
])('shows no secret of %s', (url, shown) => {
  expect(redactUrl(url)).toBe(shown);
});

it('names REDIS_URL, and how to write a password, where an address cannot be read', async () => {
  const said = await refusal('redis://:a/hunter2@h');
  expect(said).toMatch(/^REDIS_URL: expected redis:.*%2F.*; got redis:\/\/\*\*\*$/);
  expect(await refusal('localhost:6379')).toMatch(/^REDIS_URL: expected/);
});

it('refuses a database that the server does not have, or that is no number', async () => {
  const url = `redis://127.0.0.1:${server.port}`;
  expect(await refusal(`${url}/15`)).toBe('none');
  expect(await refusal(`${url}/99`)).toMatch(
    /got: ERR DB index is out of range\. Name a database that it has/,
  );
  expect(await refusal(`${url}/x`)).toMatch(/^REDIS_URL: expected redis:.*; got redis:.*\/x$/);
});

it('tells a wrong password, missing rights and an absent server apart, each with what to do', async () => {
  await admin.acl('SETUSER', 'poor', 'on', '>secret', '~*', '&*', '+@all', '-eval', '-set');
  await admin.acl('SETUSER', 'mute', 'on', '>secret', '~*', '-@all');
  expect(await refusal(at('poor:wrong'))).toMatch(
    /got: WRONGPASS .*[^.]\. Check the user and the password in REDIS_URL\.$/,
  );
  expect(await refusal(at('mute:secret'))).toMatch(/got: NOPERM .*[^.]\. .*ACL SETUSER/);
  expect(await refusal(at('poor:secret'))).toBe('none');
  expect(await refusal(at('poor:secret'), { writeKey: 'probe' })).toMatch(/got: NOPERM/);
  expect(await refusal('redis://127.0.0.1:1')).toMatch(/got: connect ECONNREFUSED [^ ]*[^.]\. Start one, or/);
});

it('names the certificate that is not trusted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-tls-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', cert, '-days', '1'];
  execFileSync('openssl', [...made, '-subj', '/CN=localhost'], { stdio: 'ignore' });
  const tls = createServer({ key: readFileSync(key), cert: readFileSync(cert) });
  tls.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
  const address = tls.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  try {
    expect(await refusal(`rediss://127.0.0.1:${port}`)).toMatch(
      /got: self-signed certificate\. .*NODE_EXTRA_CA_CERTS/,
    );
  } finally {
    tls.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

it('refuses a read-only replica at the start; one that becomes a replica fails commands and is not stormed', async () => {
  const redis = connect(server.url, 'plain');
  let connections = 0;
  redis.on('connect', () => connections++);
  await redis.set('a', '1');
  await admin.replicaof('127.0.0.1', '1');
  try {
    expect(await refusal(server.url, { writeKey: 'probe' })).toMatch(
      /got: READONLY .*It is a read-only replica: name its master/,
    );
    const errors: unknown[] = [];
    for (let k = 0; k < 50; k++) await redis.set('a', '2').catch((error: unknown) => errors.push(error));
    expect(errors.length).toBe(50);
    expect(redisError(errors[0])).toMatchObject({
      code: 'no_redis',
      message: expect.stringMatching(/read-only replica/),
    });
    expect(connections).toBeLessThan(10);
    await admin.replicaof('NO', 'ONE');
    expect(await redis.set('a', '3')).toBe('OK');
  } finally {
    await admin.replicaof('NO', 'ONE');
    redis.disconnect();
  }
}, 30_000);

it('takes what a client names for no word of Redis', () => {
  const error = new SluiceError('unknown_model', 'model: expected one of a, got "bigscience/BLOOM"');
  expect(redisError(error)).toBe(error);
});

it('passes a full server, which a role may outlive', async () => {
  await admin.config('SET', 'maxmemory', '1');
  expect(await refusal(server.url, { writeKey: 'probe' })).toBe('none');
  await admin.config('SET', 'maxmemory', '0');
});

it('names an old version, evictions and a missing append-only file', () => {
  expect(serverDefects({ version: '7.0.15', policy: 'noeviction', aof: true })).toEqual([]);
  expect(serverDefects({ version: '6.2.7', policy: 'allkeys-lru', aof: false })).toEqual([
    expect.stringMatching(/^expected Redis 7\.0 or newer, got 6\.2\.7/),
    expect.stringMatching(/noeviction, got allkeys-lru; .*CONFIG SET/),
    expect.stringMatching(/^expected appendonly yes/),
  ]);
});
