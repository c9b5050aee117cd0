import { isDeepStrictEqual } from 'node:util';
import { SluiceError } from '../contract/errors.js';
import type { ScaleGrant, ScaleOrder } from '../contract/scale.js';
import type { WorkerSpec } from '../contract/spec.js';
import type { AllocatorContext } from './context.js';
import { type Budget, budgetsOf, type Gpu, inventoryOf } from './core/inventory.js';
import type { LeaseRequest } from './core/ledger.js';
import { type PoolPlan, planPool } from './core/plan.js';
import { ledgerOf, viewOf } from './core/view.js';
import { settleEnded } from './ended.js';
import { type Fleet, failureField, readFleet } from './fleet.js';
import type { RedisLedger } from './ledger.js';
import { FleetWatch } from './watch.js';

/** The ledger may change between plan and commit (a worker ends by itself); a plan is made anew so often. */
const PLANS_PER_PASS = 3;

/**
 * One look at everything and what follows from it. Nothing is remembered that matters: a pass by a newly started
 * allocator does the same as one by the allocator that was killed.
 */
export class ReconcilePass {
  private readonly watch: FleetWatch;
  readonly inventory: Gpu[];
  readonly budgets: Record<string, Budget>;

  constructor(private readonly context: AllocatorContext) {
    this.watch = new FleetWatch(context);
    this.inventory = inventoryOf(context.config.inventory);
    this.budgets = budgetsOf(context.config.pools);
  }

  /**
   * Runs one pass. With `stopAll` it drains every worker, whatever the orders say, and leaves grants alone.
   * Returns the number of leases that stand afterwards.
   */
  async run(ledger: RedisLedger, { stopAll }: { stopAll: boolean }): Promise<number> {
    const { redis, keys, config } = this.context;
    const leaseMs = Math.round(config.worker.leaseSeconds * 1000);
    const { nowMs, expired } = await ledger.sweep(leaseMs / 2);
    const fleet = await readFleet(redis, keys, Object.keys(config.pools));
    await this.watch.tend(ledger, fleet, expired, nowMs);
    for (let attempt = 1; attempt <= PLANS_PER_PASS; attempt++) {
      if (await this.planAndAct(ledger, fleet, stopAll, leaseMs, nowMs)) break;
      Object.assign(fleet, await readFleet(redis, keys, Object.keys(config.pools)));
    }
    return fleet.leases.size;
  }

  /** False: the ledger had changed under the plan, plan again. */
  private async planAndAct(
    ledger: RedisLedger,
    fleet: Fleet,
    stopAll: boolean,
    leaseMs: number,
    nowMs: number,
  ): Promise<boolean> {
    const { config, tp, newId } = this.context;
    const settleMs = 2 * config.worker.heartbeatSeconds * 1000;
    let planned = ledgerOf(this.inventory, this.budgets, [...fleet.leases.values()]);
    for (const pool of this.poolsByPriority(fleet)) {
      const configured = Object.hasOwn(config.pools, pool);
      const leases = [...fleet.leases.values()].filter((lease) => lease.pool === pool);
      const plan = planPool(
        planned,
        {
          pool,
          tp: tp[pool] ?? { vllm: 1, prefill: 1 },
          desired: stopAll || !configured ? nothing(pool) : (fleet.desired.get(pool) ?? null),
          workers: leases.map((lease) => viewOf(lease, fleet.heartbeats.get(lease.workerId), settleMs)),
          failures: {
            ...optional('vllm', fleet.failures.get(failureField(pool, 'vllm'))),
            ...optional('prefill', fleet.failures.get(failureField(pool, 'prefill'))),
          },
        },
        leaseMs,
        nowMs,
        newId,
      );
      planned = plan.ledger;
      if (!(await this.act(ledger, fleet, plan, nowMs))) return false;
      if (configured && !stopAll) await this.tell(ledger, fleet, plan.grant);
    }
    return true;
  }

  private async act(ledger: RedisLedger, fleet: Fleet, plan: PoolPlan, nowMs: number): Promise<boolean> {
    const { log } = this.context;
    for (const workerId of [...plan.drain, ...plan.resume]) {
      const lease = fleet.leases.get(workerId);
      const drain = plan.drain.includes(workerId);
      // Decided first, signalled then: an allocator killed in between finds the decision in the ledger.
      if (!lease || !(await ledger.mark(lease.leaseId, drain ? 'draining' : 'running'))) continue;
      this.watch.see({ ...lease, state: drain ? 'draining' : 'running' });
      log.info({ pool: lease.pool, workerId }, drain ? 'draining worker' : 'taking a drain back');
      if (drain) await this.watch.drain(lease, nowMs);
      else await this.watch.keep(lease);
    }
    for (const request of plan.start) {
      if (!(await this.start(ledger, fleet, request, nowMs))) return false;
    }
    return true;
  }

  private async start(ledger: RedisLedger, fleet: Fleet, request: LeaseRequest, nowMs: number) {
    const { actuator, log, configFile, dataDir, ownerPid } = this.context;
    const taken = await ledger.acquire(request);
    if ('refusal' in taken) return false;
    const { lease } = taken;
    const { workerId, pool, role, leaseId, gpus } = lease;
    fleet.leases.set(workerId, lease);
    const seen = this.watch.see(lease);
    const spec: WorkerSpec = {
      workerId,
      pool,
      role,
      leaseId,
      gpus,
      tp: gpus.length,
      configFile,
      dataDir,
      ownerPid,
    };
    try {
      const started = await actuator.start(spec);
      await ledger.put('processes', workerId, started);
      fleet.processes.set(workerId, started);
      log.info({ pool, workerId, gpus, pid: started.pid }, 'started worker');
    } catch (error) {
      if (!(error instanceof SluiceError)) throw error;
      const cause = { kind: 'not-started', error: error.message } as const;
      await settleEnded(this.context, ledger, fleet, seen, cause, nowMs);
    }
    return true;
  }

  /** Stores the grant when it says something new. */
  private async tell(ledger: RedisLedger, fleet: Fleet, grant: ScaleGrant | null): Promise<void> {
    if (!grant) return;
    const before = fleet.grants.get(grant.pool);
    if (before && isDeepStrictEqual({ ...before, atMs: grant.atMs }, grant)) return;
    await ledger.put('grants', grant.pool, grant);
    fleet.grants.set(grant.pool, grant);
    const { pool, generation, asked, granted, shortage } = grant;
    this.context.log.info(
      { pool, generation, asked, granted, shortage },
      grant.status === 'applied' ? 'order applied' : `order applied in part: ${shortage}`,
    );
  }

  /** Important pools first; pools that left the configuration come last, to be drained. */
  private poolsByPriority(fleet: Fleet): string[] {
    const { pools } = this.context.config;
    const configured = Object.values(pools).toSorted(
      (a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1),
    );
    const others = [...fleet.leases.values()].map((lease) => lease.pool);
    return [...new Set([...configured.map((pool) => pool.name), ...others])];
  }
}

function nothing(pool: string): ScaleOrder {
  return { pool, generation: 1, prefill: 0, decode: 0, reason: 'allocator stops all', observationId: 'none' };
}

function optional<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [P in K]?: V });
}
