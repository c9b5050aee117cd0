import type { Redis } from 'ioredis';
import { z } from 'zod';
import type { Config } from '../config/types.js';
import { SluiceError, unreachable } from '../contract/errors.js';
import { heartbeatSchema } from '../contract/worker.js';
import { parseStored } from '../gpu/stored.js';
import type { Keys } from '../queues/keys.js';
import { tellPlanner } from '../scheduler/operator.js';
import { roleBeatSchema } from '../telemetry/roles.js';
import { writeAudit } from './audit.js';
import { MOST_WORKERS } from './view.js';

const TAKEN_LIMIT_MS = 5_000;
/** A planner tells what holds for it each round, usually each second. */
const TOLD_LIMIT_MS = 5_000;
const POLL_MS = 50;
const FLOOR = `a whole number of workers from 0 to ${MOST_WORKERS}`;

/** Of a pool or worker; what is refused is written to the audit log too. */
const name = z.string().max(200);

const floor = z
  .number({ error: FLOOR })
  .int({ error: FLOOR })
  .min(0, { error: FLOOR })
  .max(MOST_WORKERS, { error: FLOOR });

export const operationSchema = z.discriminatedUnion('action', [
  z.object({ action: z.literal('pause'), pool: name }),
  z.object({ action: z.literal('resume'), pool: name }),
  z.object({ action: z.literal('floor'), pool: name, min: floor }),
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
      return `the planner has taken it${await lessHolds(redis, keys, pool, operation.min)}`;
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

/** Told where the floor that holds is below the one that was asked for; empty: it is not, or the planner is not heard. */
async function lessHolds(redis: Redis, keys: Keys, pool: string, asked: number): Promise<string> {
  const read = async () => parseStored(roleBeatSchema, await redis.hget(keys.roles(), `planner-${pool}`));
  const taken = await read();
  const deadline = Date.now() + TOLD_LIMIT_MS;
  while (Date.now() < deadline) {
    const told = await read();
    // What it told before may be of before the command.
    if (told !== null && told.atMs !== taken?.atMs) {
      const holds = told.holds?.floor ?? asked;
      return holds < asked ? `; a floor of ${holds} holds, more does not fit its limits` : '';
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return '';
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
