import { Redis } from 'ioredis';
import { SluiceError } from '../contract/errors.js';
import { isRecent, OLDEST } from './provision/binary.js';
import { assertRedisUrl, redactUrl } from './redis-url.js';
import { inTime } from './within.js';

const UNABLE = 'Start one, or unset REDIS_URL and let `sluice up` start its own.';

/** What INFO tells of a server; empty texts where it does not. */
export interface ServerFacts {
  version: string;
  /** What it does when its memory is full, such as `noeviction`. */
  policy: string;
  /** Whether it writes an append-only file. */
  aof: boolean;
}

/**
 * Asks a server for a PING, and with `writeKey` also for a write by a script, as every role does them: a key of that name
 * for a second. A server that is full passes: what writes hears of it by `redisError`.
 * Errors: `no_redis`, naming the address, the server's reason and what to do.
 */
export async function assertRedis(
  url: string,
  { timeoutMs = 5000, writeKey }: { timeoutMs?: number; writeKey?: string } = {},
): Promise<void> {
  assertRedisUrl(url);
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  // A connection that is refused says why here alone; to who waits for it, it is only closed.
  let refused: Error | undefined;
  redis.on('error', (error) => {
    refused ??= error;
  });
  const answer = async () => {
    await redis.connect();
    await redis.ping();
    // Else it would go on in database 0.
    if (/DB index/i.test(refused?.message ?? '')) throw refused;
    if (writeKey !== undefined) await probeWrite(redis, writeKey);
  };
  try {
    await inTime(answer(), timeoutMs, () => new Error(`no answer in ${timeoutMs} ms`));
  } catch (error) {
    const cause = causeOf(refused ?? error);
    if (/^(MISCONF|OOM)/.test(cause)) return;
    throw new SluiceError(
      'no_redis',
      `expected a Redis server at ${redactUrl(url)}, got: ${cause}. ${remedy(cause)}`,
      { cause: error },
    );
  } finally {
    redis.disconnect();
  }
}

/** A write by a script, to a key that is gone after a second. Rejects as the server refuses it. */
export async function probeWrite(redis: Redis, key: string): Promise<void> {
  await redis.eval("return redis.call('SET', KEYS[1], '1', 'PX', 1000)", 1, key);
}

/** Rejects when Redis does. */
export async function serverFacts(redis: Redis): Promise<ServerFacts> {
  const info = await redis.info();
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  return {
    version: field('redis_version'),
    policy: field('maxmemory_policy'),
    aof: field('aof_enabled') === '1',
  };
}

/** What is wrong with a server for Sluice, though it answers, and what to do; one sentence for each. */
export function serverDefects({ version, policy, aof }: ServerFacts): string[] {
  return [
    ...(version !== '' && !isRecent(version)
      ? [`expected Redis ${OLDEST.join('.')} or newer, got ${version}; upgrade it`]
      : []),
    ...(policy !== 'noeviction'
      ? [
          `expected maxmemory-policy noeviction, got ${policy}; queued requests could be evicted: CONFIG SET maxmemory-policy noeviction`,
        ]
      : []),
    ...(aof
      ? []
      : [
          'expected appendonly yes, got no; accepted requests would be lost with the server: CONFIG SET appendonly yes',
        ]),
  ];
}

/** The reason in one line, without a full stop at its end. */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return (error.message || code).replace(/\s+/g, ' ').replace(/\.+$/, '');
}

function remedy(cause: string): string {
  if (/^(WRONGPASS|NOAUTH)/.test(cause)) return 'Check the user and the password in REDIS_URL.';
  if (/^NOPERM/.test(cause))
    return 'Give its user every command, key and channel that Sluice needs: ACL SETUSER NAME ~* &* +@all.';
  if (/DB index/i.test(cause)) return 'Name a database that it has in REDIS_URL, such as /0.';
  if (/^READONLY/.test(cause)) return 'It is a read-only replica: name its master in REDIS_URL.';
  if (/certificate|altname/i.test(cause))
    return 'Name the file of the authority that signed its certificate in NODE_EXTRA_CA_CERTS, and the host in REDIS_URL as the certificate has it.';
  return UNABLE;
}
