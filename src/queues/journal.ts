import type { Redis } from 'ioredis';
import { z } from 'zod';
import { SluiceError } from '../contract/errors.js';
import type { Keys } from './keys.js';
import { luaScript } from './script.js';

const claimScript = luaScript(new URL('./lua/claim.lua', import.meta.url));
const emitScript = luaScript(new URL('./lua/emit.lua', import.meta.url));
const retireScript = luaScript(new URL('./lua/retire.lua', import.meta.url));

/** Fence of a journal whose request has ended. */
const ENDED = 'ended';

/** A journal outlives the longest request, then goes; it is shortened when the request ends. */
const JOURNAL_TTL_MS = 24 * 3600_000;

// Built once: a schema is dearer to make than to use.
const claimReply = z.tuple([z.string()]).rest(z.string());
const emitReply = z.array(z.number().int());

/** What earlier runs of a request left behind. */
export interface Claimed {
  /** Unix ms of the first token; null: none was emitted. */
  firstTokenAtMs: number | null;
  tokens: string[];
}

/** Takes a request's journal over for the run that `fence` names; earlier runs are refused from here on. */
export async function claimJournal(
  redis: Redis,
  keys: Keys,
  pool: string,
  id: string,
  fence: string,
): Promise<Claimed> {
  const reply = await claimScript(redis, [keys.journal(pool, id)], [fence, JOURNAL_TTL_MS]);
  const [firstAt, ...tokens] = claimReply.parse(reply);
  return { firstTokenAtMs: firstAt === '' ? null : Number(firstAt), tokens };
}

/** Tokens of a request from index `from` on, as far as they were emitted. */
export async function readJournal(
  redis: Redis,
  keys: Keys,
  pool: string,
  id: string,
  from: number,
): Promise<string[]> {
  return redis.lrange(keys.journal(pool, id), from + 2, -1);
}

/** Tokens that a request has emitted. */
export async function journalLength(redis: Redis, keys: Keys, pool: string, id: string): Promise<number> {
  return Math.max(0, (await redis.llen(keys.journal(pool, id))) - 2);
}

/** Unix ms of a request's first token; null: none was emitted. */
export async function readFirstTokenAt(
  redis: Redis,
  keys: Keys,
  pool: string,
  id: string,
): Promise<number | null> {
  const stored = await redis.lindex(keys.journal(pool, id), 1);
  return stored === null || stored === '' ? null : Number(stored);
}

/** One request's part of an emission. */
export interface Emission {
  pool: string;
  id: string;
  fence: string;
  firstTokenAtMs: number;
  start: number;
  tokens: string[];
  channels: readonly string[];
  frame: string;
}

/** How Redis took an emission: `ok`, `fenced` (another run owns the request) or `gap` (journal holds fewer tokens). */
export type EmissionStatus = { kind: 'ok' } | { kind: 'fenced' } | { kind: 'gap'; length: number };

/** Appends and publishes emissions of one pool in one atomic step. */
export async function emit(
  redis: Redis,
  keys: Keys,
  emissions: readonly Emission[],
): Promise<EmissionStatus[]> {
  const channels: string[] = [];
  const positions = new Map<string, number>();
  for (const emission of emissions) {
    for (const channel of emission.channels) {
      if (!positions.has(channel)) positions.set(channel, channels.push(channel));
    }
  }
  const args: (string | number)[] = [JOURNAL_TTL_MS, channels.length, ...channels];
  for (const e of emissions) {
    args.push(e.fence, e.firstTokenAtMs, e.start, e.tokens.length);
    for (const token of e.tokens) args.push(token);
    args.push(e.channels.length);
    for (const channel of e.channels) args.push(positions.get(channel) ?? 0);
    args.push(e.frame);
  }
  const journals = emissions.map((e) => keys.journal(e.pool, e.id));
  const reply = await emitScript(redis, journals, args);
  const lengths = emitReply.parse(reply);
  if (lengths.length !== emissions.length)
    throw new SluiceError('internal', 'emit.lua: reply of the wrong length');
  return lengths.map((length) => {
    if (length === -1) return { kind: 'fenced' };
    return length < -1 ? { kind: 'gap', length: -2 - length } : { kind: 'ok' };
  });
}

/** Ends a request's journal: what a run still sends is refused, and the journal goes after `keepMs`. */
export async function retireJournal(
  redis: Redis,
  keys: Keys,
  pool: string,
  id: string,
  keepMs: number,
): Promise<void> {
  const scriptKeys = [keys.journal(pool, id), keys.expiries(pool)];
  await retireScript(redis, scriptKeys, [ENDED, Math.max(1, Math.round(keepMs)), id]);
}

/** Whether a request has ended, as its journal says; it outlives the request's job where more ended than are kept. */
export async function isRetired(redis: Redis, keys: Keys, pool: string, id: string): Promise<boolean> {
  return (await redis.lindex(keys.journal(pool, id), 0)) === ENDED;
}
