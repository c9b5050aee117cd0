import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

/** Runs one of the room's Lua scripts. All of them reply with a flat list of strings and integers. */
export type Script = (redis: Redis, keys: string[], args: (string | number)[]) => Promise<string[]>;

/** Loads `lua/NAME.lua`; it is sent by its hash and in full only to a server that does not know it yet. */
export function script(name: string): Script {
  const source = readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');
  const sha = createHash('sha1').update(source).digest('hex');
  return async (redis, keys, args) => {
    let reply: unknown;
    try {
      reply = await redis.evalsha(sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      reply = await redis.eval(source, keys.length, ...keys, ...args);
    }
    return Array.isArray(reply) ? reply.map(String) : [String(reply)];
  };
}
