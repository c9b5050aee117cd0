import type { Redis } from 'ioredis';
import { z } from 'zod';
import { SluiceError } from '../../contract/errors.js';
import { luaScript } from '../../queues/script.js';

const holdScript = luaScript(new URL('./lua/key-hold.lua', import.meta.url));
const releaseScript = luaScript(new URL('./lua/key-release.lua', import.meta.url));

const holdReply = z.tuple([z.string(), z.number()]).nullable();

/** A key is remembered so long. */
const REMEMBERED_SECONDS = 86_400;

/** What a key stands for. */
export interface KeyHold {
  /** The id that every request with this key and print is sent under. */
  id: string;
  /** A request with this key was accepted before. */
  before: boolean;
  /** To be called once the request is accepted. */
  accepted: () => Promise<void>;
  /** To be called where the request was surely not accepted: without any that was, the key is free again. */
  release: () => Promise<void>;
}

/**
 * Holds an Idempotency-Key for one request. All that hold it at once have the same id, so they are one execution; it is
 * free again only when every one of them has been refused.
 * @param name Redis key; @param print fingerprint of what is asked for; @param fresh id that the key stands for where it comes first.
 * Errors: `conflict` where the key came with another print.
 */
export async function holdKey(redis: Redis, name: string, print: string, fresh: string): Promise<KeyHold> {
  const reply = holdReply.parse(await holdScript(redis, [name], [print, fresh, REMEMBERED_SECONDS]));
  if (reply === null)
    throw new SluiceError(
      'conflict',
      'idempotency-key: it came with another body or level before; use a new key',
    );
  const [id, before] = reply;
  const accepted = async () => {
    await redis.hset(name, 'accepted', 1);
  };
  const release = async () => {
    await releaseScript(redis, [name], [print, id]);
  };
  return { id, before: before === 1, accepted, release };
}
