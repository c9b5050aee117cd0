import type { Redis } from 'ioredis';
import { z } from 'zod';
import { type Lease, leaseSchema, type WorkerFailure, workerFailureSchema } from '../contract/lease.js';
import { type ScaleGrant, type ScaleOrder, scaleGrantSchema, scaleOrderSchema } from '../contract/scale.js';
import { type Heartbeat, heartbeatSchema, type WorkerRole } from '../contract/worker.js';
import type { Keys } from '../queues/keys.js';
import type { StartedWorker } from './actuator.js';
import { parseStored } from './stored.js';

const startedSchema = z.object({ host: z.string(), pid: z.number().int() });

/** Everything that one pass of the allocator looks at; it keeps this up to date with what it does. */
export interface Fleet {
  /** By worker id. */
  leases: Map<string, Lease>;
  heartbeats: Map<string, Heartbeat>;
  processes: Map<string, StartedWorker>;
  /** By pool. */
  desired: Map<string, ScaleOrder>;
  grants: Map<string, ScaleGrant>;
  /** By `failureField`. */
  failures: Map<string, WorkerFailure>;
}

export function failureField(pool: string, role: WorkerRole): string {
  return `${pool}:${role}`;
}

/** Reads the fleet; `pools` names the configured pools, and pools that only hold leases are looked at too. */
export async function readFleet(redis: Redis, keys: Keys, pools: readonly string[]): Promise<Fleet> {
  const [leases, processes, desired, grants, failures] = await Promise.all(
    ['leases', 'processes', 'desired', 'grants', 'failures'].map((hash) => redis.hgetall(keys.gpu(hash))),
  );
  const held = [...parseHash(leaseSchema, leases).values()];
  const everyPool = new Set([...pools, ...held.map((lease) => lease.pool)]);
  const heartbeats = await Promise.all(
    [...everyPool].map(async (pool) =>
      parseHash(heartbeatSchema, await redis.hgetall(keys.heartbeats(pool))),
    ),
  );
  return {
    leases: new Map(held.map((lease) => [lease.workerId, lease])),
    heartbeats: new Map(heartbeats.flatMap((pool) => [...pool])),
    processes: parseHash(startedSchema, processes),
    desired: parseHash(scaleOrderSchema, desired),
    grants: parseHash(scaleGrantSchema, grants),
    failures: parseHash(workerFailureSchema, failures),
  };
}

function parseHash<T>(schema: z.ZodType<T>, stored: Record<string, string> = {}): Map<string, T> {
  return new Map(
    Object.entries(stored).flatMap(([field, text]) => {
      const value = parseStored(schema, text);
      return value === null ? [] : [[field, value] as const];
    }),
  );
}
