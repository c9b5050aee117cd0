import type { Redis } from 'ioredis';
import type { Keys } from '../queues/keys.js';
import { script } from './scripts.js';

const lockScript = script('lock');
const unlockScript = script('unlock');

/** Without a sign of life for so long, the acting allocator is succeeded by one that waits. */
const LOCK_MS = 5_000;

/**
 * Takes or keeps the right to act; call it about once a second. Returns the fence to act with, or null while
 * another allocator has the right.
 */
export async function holdLock(redis: Redis, keys: Keys, owner: string): Promise<number | null> {
  const [fence] = await lockScript(redis, [keys.gpu('lock'), keys.gpu('fence')], [owner, LOCK_MS]);
  return Number(fence) > 0 ? Number(fence) : null;
}

/** Gives the right to act back, so that a successor need not wait. */
export async function releaseLock(redis: Redis, keys: Keys, owner: string): Promise<void> {
  await unlockScript(redis, [keys.gpu('lock')], [owner]);
}
