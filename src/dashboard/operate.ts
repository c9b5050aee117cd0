import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Config } from '../config/types.js';
import { SluiceError, unreachable } from '../contract/errors.js';
import { heartbeatSchema } from '../contract/worker.js';
import { parseStored } from '../gpu/stored.js';
import type { Keys } from '../queues/keys.js';
import { tellPlanner } from '../scheduler/operator.js';
import { writeAudit } from './audit.js';

const TAKEN_LIMIT_MS = 5_000;

/** Of a pool or worker; what is refused is written to the audit log too. */
const name = z.string().max(200);

export const operationSchema = z.discriminatedUnion('action', [
  z.object({ action: z.literal('pause'), pool: name }),
  z.object({ action: z.literal('resume'), pool: name }),
  z.object({ action: z.literal('floor'), pool: name, min: z.number().int().min(0).max(10_000) }),
  /** The planner plans and records, and orders nothing; or orders again. */
  z.object({ action: z.literal('advisory'), pool: name, on: z.boolean() }),
  z.object({ action: z.literal('drain'), pool: name, workerId: name }),
  z.object({ action: z.literal('restart'), pool: name, workerId: name }),
]);
/** What an operator asks for. */
export type Operation = z.output<typeof operationSchema>;

/**
 * Does what an operator asks for, and writes it down with what came of it, done or refused.
 * @param who whose key it is. @returns what came of it, in a sentence.
 * Errors: `not_found` for a pool or worker that is not there; `not_running` when the planner does not take it.
 */
export async function operate(
  { redis, keys, config, now }: { redis: Redis; keys: Keys; config: Config; now: () => number },
  operation: Operation,
  who: string,
): Promise<string> {
  const entry = { atMs: now(), who, what: sentence(operation) };
  try {
    const outcome = await done(redis, keys, config, operation);
    await writeAudit(redis, keys, config.dashboard, { ...entry, outcome });
    return outcome;
  } catch (error) {
    const known = SluiceError.from(error);
    await writeAudit(redis, keys, config.dashboard, { ...entry, outcome: `${known.code}: ${known.message}` });
    throw known;
  }
}

async function done(redis: Redis, keys: Keys, config: Config, operation: Operation): Promise<string> {
  const { action, pool } = operation;
  if (!Object.hasOwn(config.pools, pool)) {
    const known = Object.keys(config.pools).join(', ');
    throw new SluiceError('not_found', `pool: expected one of ${known}, got ${JSON.stringify(pool)}`);
  }
  switch (action) {
    case 'pause':
    case 'resume':
      await tell(redis, keys, pool, { type: action });
      return 'the planner has taken it';
    case 'floor':
      await tell(redis, keys, pool, { type: 'floor', min: operation.min });
      return 'the planner has taken it';
    case 'advisory':
      await tell(redis, keys, pool, { type: 'advisory', on: operation.on });
      return 'the planner has taken it';
    case 'drain':
    case 'restart': {
      const { workerId } = operation;
      const beat = parseStored(heartbeatSchema, await redis.hget(keys.heartbeats(pool), workerId));
      if (beat === null) throw new SluiceError('not_found', `workerId: ${pool} has no worker ${workerId}`);
      const message = JSON.stringify({ type: 'drain', workerId, now: action === 'restart' });
      const heard = await redis.publish(keys.control(pool), message);
      if (heard === 0) throw new SluiceError('not_running', `no worker of ${pool} listens; try again`);
      return 'the worker was told; another takes its place as far as the order stands';
    }
    default:
      return unreachable(operation);
  }
}

async function tell(
  redis: Redis,
  keys: Keys,
  pool: string,
  command: Parameters<typeof tellPlanner>[3],
): Promise<void> {
  if (await tellPlanner(redis, keys, pool, command, TAKEN_LIMIT_MS)) return;
  throw new SluiceError(
    'not_running',
    `the planner of ${pool} has not taken it in ${TAKEN_LIMIT_MS / 1000} s; it stays queued until the planner is back`,
  );
}

function sentence(operation: Operation): string {
  switch (operation.action) {
    case 'pause':
      return `pause the planner of ${operation.pool}`;
    case 'resume':
      return `resume the planner of ${operation.pool}`;
    case 'floor':
      return `keep at least ${operation.min} workers in ${operation.pool}`;
    case 'advisory':
      return operation.on
        ? `move the planner of ${operation.pool} to advisory`
        : `let the planner of ${operation.pool} order again`;
    case 'drain':
      return `drain worker ${operation.workerId} of ${operation.pool}`;
    case 'restart':
      return `restart worker ${operation.workerId} of ${operation.pool}`;
  }
}
