import type { Lease } from '../contract/lease.js';
import type { Heartbeat } from '../contract/worker.js';
import type { WorkerExit } from './actuator.js';
import type { AllocatorContext } from './context.js';
import { afterCrash } from './core/restarts.js';
import { type Fleet, failureField } from './fleet.js';
import { type RedisLedger, releaseLease } from './ledger.js';

const LOG_LINES = 20;

/** A worker as it was last seen. */
export interface LastSeen {
  lease: Lease;
  heartbeat: Heartbeat | undefined;
}

export type EndCause =
  | { kind: 'exit'; exit: WorkerExit | null }
  | { kind: 'silent' }
  | { kind: 'not-started'; error: string };

/**
 * Books the end of a worker that is certainly gone: its lease, its heartbeat and its record are removed, and if
 * nobody had asked it to stop, the crash is counted against the workers of its pool and role.
 */
export async function settleEnded(
  context: AllocatorContext,
  ledger: RedisLedger,
  fleet: Fleet,
  { lease, heartbeat }: LastSeen,
  cause: EndCause,
  nowMs: number,
): Promise<void> {
  const { redis, keys, actuator, config, log } = context;
  const { workerId, pool, role } = lease;
  const expected =
    lease.state === 'draining' ||
    // Somebody else asked it, or it lost its lease. One that ends before it was ever ready counts as crashed.
    (cause.kind === 'exit' && cause.exit?.code === 0 && heartbeat?.readyAtMs) ||
    // The allocator died before it started this worker: nothing has failed.
    (cause.kind === 'silent' && !heartbeat && !fleet.processes.has(workerId));
  if (!expected) {
    const field = failureField(pool, role);
    const readyAtMs = heartbeat?.readyAtMs ?? nowMs;
    const failure = afterCrash(
      fleet.failures.get(field) ?? null,
      {
        pool,
        role,
        workerId,
        reason: reasonOf(cause, lease),
        logTail: await actuator.logTail(workerId, LOG_LINES),
        startedMs: lease.sinceMs,
        readySeconds: Math.max(0, nowMs - readyAtMs) / 1000,
      },
      config.worker,
      nowMs,
    );
    await ledger.put('failures', field, failure);
    fleet.failures.set(field, failure);
    const next = failure.gaveUp
      ? `given up after ${failure.count} crashes in a row`
      : `next start in ${((failure.retryAtMs - nowMs) / 1000).toFixed(1)} s`;
    log.warn({ pool, workerId, reason: failure.reason }, `worker crashed: ${failure.reason}; ${next}`);
  } else log.info({ pool, workerId }, 'worker ended');
  // The crash is stored before the lease goes, so that an allocator killed in between cannot lose the count.
  await releaseLease(redis, keys, lease.leaseId);
  await redis.hdel(keys.heartbeats(pool), workerId);
  await ledger.put('processes', workerId, null);
  actuator.forget(workerId);
  fleet.leases.delete(workerId);
  fleet.heartbeats.delete(workerId);
  fleet.processes.delete(workerId);
}

function reasonOf(cause: EndCause, lease: Lease): string {
  switch (cause.kind) {
    case 'not-started':
      return cause.error;
    case 'silent':
      return `no sign of life for ${lease.leaseMs / 1000} s`;
    case 'exit':
      if (!cause.exit) return 'process gone';
      return cause.exit.signal ? `killed by ${cause.exit.signal}` : `exit code ${cause.exit.code}`;
  }
}
