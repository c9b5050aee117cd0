import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { OperatorCommand } from '../contract/transition.js';
import type { Keys } from '../queues/keys.js';

const POLL_MS = 50;

/**
 * Gives a pool's planner a command and waits until it has taken it.
 * @returns false: not taken within `timeoutMs`; it stays queued and is taken as soon as the planner can.
 */
export async function tellPlanner(
  redis: Redis,
  keys: Keys,
  pool: string,
  command: OperatorCommand,
  timeoutMs: number,
): Promise<boolean> {
  // The id makes the text unlike any other command's; the planner reads past it.
  const text = JSON.stringify({ ...command, id: randomUUID() });
  await redis.rpush(keys.operator(pool), text);
  const deadline = Date.now() + timeoutMs;
  while ((await redis.lpos(keys.operator(pool), text)) !== null) {
    if (Date.now() >= deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return true;
}
