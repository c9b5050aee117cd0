import { z } from 'zod';
import { workerRoleSchema } from './worker.js';

/**
 * `starting`: taken by the allocator, its worker has not been heard yet. `running`: its worker renews it.
 * `draining`: the allocator asked the worker to stop.
 */
export const leaseStateSchema = z.enum(['starting', 'running', 'draining']);
export type LeaseState = z.output<typeof leaseStateSchema>;

/** A worker's hold on named GPUs. Times are Unix milliseconds of the Redis server's clock. */
export const leaseSchema = z.object({
  leaseId: z.string().min(1),
  pool: z.string().min(1),
  role: workerRoleSchema,
  workerId: z.string().min(1),
  host: z.string(),
  /** GPU ids, `host:index`, all of one island. */
  gpus: z.array(z.string()).min(1),
  state: leaseStateSchema,
  sinceMs: z.number(),
  stateSinceMs: z.number(),
  /** How long a renewal lasts, ms. */
  leaseMs: z.number(),
  /** Not renewed by then, the GPUs are taken back. */
  expiresAtMs: z.number(),
  /** Of the order that the lease was taken for. */
  generation: z.number().int(),
});
export type Lease = z.output<typeof leaseSchema>;

/** How the workers of one pool and role have been crashing; gone once one of them proved stable. */
export const workerFailureSchema = z.object({
  pool: z.string(),
  role: workerRoleSchema,
  /** Crashes in a row. */
  count: z.number().int().min(1),
  /** No further restart until a newer order or `clearFailures`. */
  gaveUp: z.boolean(),
  workerId: z.string(),
  /** What happened, e.g. `exit code 1`. */
  reason: z.string(),
  /** Last lines of the worker's log, oldest first. */
  logTail: z.array(z.string()),
  /** Unix ms of the last crash. */
  atMs: z.number(),
  /** Unix ms of the last crash that rose `count`; absent: the last crash. */
  countedAtMs: z.number().optional(),
  /** Unix ms before which no worker of this pool and role is started. */
  retryAtMs: z.number(),
});
export type WorkerFailure = z.output<typeof workerFailureSchema>;
