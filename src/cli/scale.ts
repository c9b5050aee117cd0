import type { Redis } from 'ioredis';
import { z } from 'zod';
import { SluiceError } from '../contract/errors.js';
import type { OperatorCommand } from '../contract/transition.js';
import { connect } from '../queues/connection.js';
import { Keys } from '../queues/keys.js';
import { assertRedis } from '../queues/server-check.js';
import { tellPlanner } from '../scheduler/operator.js';

export interface ScaleOptions {
  redisUrl: string;
  pool: string;
  pause?: boolean;
  resume?: boolean;
  /** Floor of workers. */
  min?: number;
  /** True: plan and record only; false: order again. */
  advisory?: boolean;
  /** Default `sluice`. */
  namespace?: string;
  /** Milliseconds that the planner may take; default 10,000. */
  timeoutMs?: number;
}

/** A planner that was not heard for so long is away. */
const PLANNER_AWAY_MS = 10_000;

const beatSchema = z.object({ role: z.string(), pool: z.string().optional(), atMs: z.number() });

/**
 * Tells a pool's planner to pause, to resume or to keep a floor of workers, and waits until it has taken it.
 * Errors: `invalid_request` unless exactly one is asked, `not_found` for a pool without a planner, `no_redis`,
 * `not_running` when the planner does not take it in time (it stays queued until the planner is back).
 */
export async function scaleCommand(
  options: ScaleOptions,
  print: (text: string) => void = (text) => process.stdout.write(`${text}\n`),
): Promise<void> {
  const { pool, redisUrl, timeoutMs = 10_000 } = options;
  const command = commandOf(options);
  await assertRedis(redisUrl);
  const redis = connect(redisUrl, 'plain');
  const keys = new Keys(options.namespace ?? 'sluice');
  try {
    const heardMs = await lastHeard(redis, keys, pool);
    if (!(await tellPlanner(redis, keys, pool, command, timeoutMs))) throw notTaken(pool, heardMs, timeoutMs);
    print(`${pool}: ${done(command)}`);
  } finally {
    redis.disconnect();
  }
}

function commandOf({ pause, resume, min, advisory }: ScaleOptions): OperatorCommand {
  const asked = [pause === true, resume === true, min !== undefined, advisory !== undefined];
  const count = asked.filter(Boolean).length;
  if (count !== 1)
    throw new SluiceError(
      'invalid_request',
      `expected one of --pause, --resume, --min N, --advisory, --active, got ${count} of them`,
    );
  if (advisory !== undefined) return { type: 'advisory', on: advisory };
  if (pause === true) return { type: 'pause' };
  if (resume === true) return { type: 'resume' };
  if (min === undefined || !Number.isInteger(min) || min < 0)
    throw new SluiceError('invalid_request', `expected --min to be a whole number of 0 or more, got ${min}`);
  return { type: 'floor', min };
}

async function lastHeard(redis: Redis, keys: Keys, pool: string): Promise<number> {
  const heard = new Map<string, number>();
  for (const text of await redis.hvals(keys.roles())) {
    const beat = beatSchema.safeParse(parseJson(text));
    if (beat.success && beat.data.role === 'planner' && beat.data.pool !== undefined)
      heard.set(beat.data.pool, beat.data.atMs);
  }
  const atMs = heard.get(pool);
  if (atMs !== undefined) return atMs;
  // A planner that stopped leaves its snapshot: the pool is real, the planner away.
  if ((await redis.exists(keys.plannerSnapshot(pool))) === 1) return 0;
  const known =
    heard.size > 0 ? `pools with a planner: ${[...heard.keys()].join(', ')}` : 'no planner runs here';
  throw new SluiceError('not_found', `expected a pool that has a planner, got "${pool}"; ${known}`);
}

function notTaken(pool: string, heardMs: number, timeoutMs: number): SluiceError {
  const silence = Date.now() - heardMs;
  const state =
    heardMs === 0 || silence > PLANNER_AWAY_MS
      ? 'is away (is `sluice up` running?)'
      : 'is busy or waits for Redis';
  return new SluiceError(
    'not_running',
    `the planner of ${pool} ${state} and did not take the command within ${timeoutMs / 1000} s; it stays queued and is taken as soon as the planner can`,
  );
}

function done(command: OperatorCommand): string {
  switch (command.type) {
    case 'pause':
      return 'paused; it orders nothing until `--resume`';
    case 'resume':
      return 'resumed';
    case 'floor':
      return `keeps at least ${command.min} workers, as far as its limits allow`;
    case 'advisory':
      return command.on
        ? 'advisory: it plans and records, and orders nothing until `--active`'
        : 'orders again';
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
