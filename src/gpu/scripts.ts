import type { Redis } from 'ioredis';
import { luaScript } from '../queues/script.js';

/** Runs one of the room's Lua scripts. All of them reply with a flat list of strings and integers. */
export type Script = (redis: Redis, keys: string[], args: (string | number)[]) => Promise<string[]>;

/** Loads `lua/NAME.lua`. */
export function script(name: string): Script {
  const run = luaScript(new URL(`./lua/${name}.lua`, import.meta.url));
  return async (redis, keys, args) => {
    const reply = await run(redis, keys, args);
    return Array.isArray(reply) ? reply.map(String) : [String(reply)];
  };
}
