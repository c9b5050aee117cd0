import type { Redis } from 'ioredis';
import { type Lease, type LeaseState, leaseSchema } from '../contract/lease.js';
import { type ScaleOrder, scaleOrderSchema } from '../contract/scale.js';
import type { Keys } from '../queues/keys.js';
import type { Budget, Gpu } from './core/inventory.js';
import type { LeaseRequest, Refusal } from './core/ledger.js';
import { script } from './scripts.js';

/** Another allocator holds the lock: this one must stop acting at once. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

const scripts = {
  acquire: script('acquire'),
  renew: script('renew'),
  free: script('free'),
  sweep: script('sweep'),
  order: script('order'),
  mark: script('mark'),
  put: script('put'),
  configure: script('configure'),
};

/**
 * A worker's sign of life: keeps its lease for config.worker.leaseSeconds more. Call it once right
 * after start, before anything slow, and then every `config.worker.heartbeatSeconds`.
 * Resolves to true when renewed; false means that the lease is gone and the GPUs may already be another worker's:
 * abort everything, emit nothing more and exit with code 0. Rejects only as `redis` does.
 */
export async function renewLease(
  redis: Redis,
  keys: Keys,
  leaseId: string,
  workerId: string,
): Promise<boolean> {
  const args = [leaseId, workerId, 'worker'];
  const [renewed] = await scripts.renew(redis, [keys.gpu('leases')], args);
  return renewed === '1';
}

/**
 * Gives a lease's GPUs back. A worker calls it last, once its engine has stopped and nothing of it runs any more,
 * and then exits with code 0. A lease that is gone already is no error.
 */
export async function releaseLease(redis: Redis, keys: Keys, leaseId: string): Promise<void> {
  await scripts.free(redis, freeKeys(keys), ['any', leaseId]);
}

function freeKeys(keys: Keys): string[] {
  return [keys.gpu('leases'), keys.gpu('held'), keys.gpu('usage')];
}

/**
 * The writing side of the ledger for the allocator that holds the lock with this fence. Each method is one atomic
 * script, harmless when sent twice. Errors: `FencedError` once another allocator has taken over.
 */
export class RedisLedger {
  constructor(
    private readonly redis: Redis,
    private readonly keys: Keys,
    readonly fence: number,
  ) {}

  /** Replaces inventory and budgets by those of the configuration. */
  async configure(inventory: readonly Gpu[], budgets: Record<string, Budget>): Promise<void> {
    const { keys } = this;
    await this.run(
      'configure',
      [keys.gpu('inventory'), keys.gpu('budgets')],
      [
        inventory.length,
        ...inventory.flatMap((gpu) => [gpu.id, gpu.island]),
        ...Object.entries(budgets).flatMap(([pool, budget]) => [pool, JSON.stringify(budget)]),
      ],
    );
  }

  /** Takes a lease unless the ledger has changed so that it may not be taken. */
  async acquire(request: LeaseRequest): Promise<{ lease: Lease } | { refusal: Refusal }> {
    const { keys } = this;
    const [verdict, detail] = await this.run(
      'acquire',
      [...freeKeys(keys), keys.gpu('inventory'), keys.gpu('budgets')],
      [JSON.stringify(request)],
    );
    if (verdict === 'ok') return { lease: leaseSchema.parse(JSON.parse(detail ?? '')) };
    return { refusal: detail === 'budget' || detail === 'placement' ? detail : 'inventory' };
  }

  /** Keeps the lease of a worker that was started and has not been able to renew yet. */
  async keep(lease: Lease): Promise<void> {
    const args = [lease.leaseId, lease.workerId, 'allocator'];
    await scripts.renew(this.redis, [this.keys.gpu('leases')], args);
  }

  /** Sets a lease's state; false: it is gone. */
  async mark(leaseId: string, state: LeaseState): Promise<boolean> {
    const [marked] = await this.run('mark', [this.keys.gpu('leases')], [leaseId, state]);
    return marked === '1';
  }

  /** Server time, and ids of the leases that ran out (none after a gap between sweeps of more than `gapMs`). */
  async sweep(gapMs: number): Promise<{ nowMs: number; expired: string[] }> {
    const keys = [this.keys.gpu('leases'), this.keys.gpu('swept')];
    const [now, ...expired] = await this.run('sweep', keys, [gapMs]);
    return { nowMs: Number(now), expired };
  }

  /** Ends those of the named leases that are still past their time. Returns the ids that it ended. */
  async reclaim(leaseIds: readonly string[]): Promise<string[]> {
    if (leaseIds.length === 0) return [];
    return scripts.free(this.redis, freeKeys(this.keys), ['expired', ...leaseIds]);
  }

  /** Applies the generation rule to an order; `standing` is the order in force afterwards. */
  async order(order: ScaleOrder): Promise<{ verdict: 'applied' | 'same' | 'stale'; standing: ScaleOrder }> {
    const args = [order.pool, order.generation, JSON.stringify(order)];
    const [verdict, standing] = await this.run('order', [this.keys.gpu('desired')], args);
    return {
      verdict: verdict === 'applied' || verdict === 'same' ? verdict : 'stale',
      standing: scaleOrderSchema.parse(JSON.parse(standing ?? '')),
    };
  }

  /** Stores JSON under a field of one of the allocator's own hashes; null removes the field. */
  async put(hash: 'grants' | 'failures' | 'processes', field: string, value: unknown): Promise<void> {
    const text = value === null ? '' : JSON.stringify(value);
    await this.run('put', [this.keys.gpu(hash)], [field, text]);
  }

  private async run(
    name: Exclude<keyof typeof scripts, 'renew' | 'free'>,
    hashes: string[],
    args: (string | number)[],
  ): Promise<string[]> {
    try {
      return await scripts[name](this.redis, [...hashes, this.keys.gpu('fence')], [this.fence, ...args]);
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('FENCED')) throw new FencedError(error.message);
      throw error;
    }
  }
}
