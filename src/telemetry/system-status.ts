import type { Config } from '../config/types.js';
import type { Lease } from '../contract/lease.js';
import type { GpuStatus, PoolStatus, PriorityUse, RoleStatus, SystemStatus } from '../contract/status.js';
import { ratio } from './pool-status.js';

/** What was read from Redis beyond the pools. */
export interface SystemReadings {
  nowMs: number;
  startedAtMs: number | null;
  roles: RoleStatus[];
  formerPools: SystemStatus['formerPools'];
  leases: readonly Lease[];
  /** Why a pool's order of a generation was given; null: no longer on record. */
  whyOrdered: (pool: string, generation: number) => string | null;
  /** GPU-seconds leased by all pools since the start. */
  gpuSeconds: number;
  rejected: number;
}

/** Puts the pools together; the fields are defined in contract/status.ts. */
export function systemStatus(config: Config, pools: PoolStatus[], read: SystemReadings): SystemStatus {
  const gpus = gpuMap(config, read);
  const { usdPerGpuHour } = config.pricing;
  const gpusHeld = gpus.filter((gpu) => gpu.pool !== null).length;
  const runSeconds = read.startedAtMs === null ? 0 : Math.max(0, read.nowMs - read.startedAtMs) / 1000;
  const budget = pools.reduce((sum, pool) => sum + pool.gpuCeiling, 0);
  const gpuHours = read.gpuSeconds / 3600;
  const staticGpuHours = (budget * runSeconds) / 3600;
  return {
    atMs: read.nowMs,
    namespace: config.namespace,
    startedAtMs: read.startedAtMs,
    roles: read.roles,
    pools: pools.toSorted((a, b) => a.priority - b.priority),
    formerPools: read.formerPools,
    gpus,
    priorities: priorityUse(pools),
    levels: levelCosts(pools, usdPerGpuHour),
    total: {
      gpusHeld,
      gpus: gpus.length,
      gpuHours,
      staticGpuHours,
      savedGpuHours: staticGpuHours - gpuHours,
      costUsd: gpuHours * usdPerGpuHour,
      usdPerHour: gpusHeld * usdPerGpuHour,
      staticUsdPerHour: budget * usdPerGpuHour,
      rejected: read.rejected,
    },
  };
}

function levelCosts(pools: readonly PoolStatus[], usdPerGpuHour: number): SystemStatus['levels'] {
  const names = [...new Set(pools.map((pool) => pool.level))];
  return Object.fromEntries(
    names.map((name) => {
      const members = pools.filter((pool) => pool.level === name);
      const sum = (of: (pool: PoolStatus) => number) => members.reduce((total, pool) => total + of(pool), 0);
      const tokens = sum((pool) => pool.tokens.input + pool.tokens.output);
      const costUsd = sum((pool) => pool.costUsd);
      return [
        name,
        {
          gpuSeconds: sum((pool) => pool.gpuSeconds),
          costUsd,
          usdPerHour: sum((pool) => pool.gpus.length) * usdPerGpuHour,
          usdPerThousandTokens: tokens === 0 ? null : (1000 * costUsd) / tokens,
        },
      ];
    }),
  );
}

/** Every GPU of the inventory, in its order, with who holds it. */
function gpuMap(config: Config, { leases, whyOrdered }: SystemReadings): GpuStatus[] {
  const holders = new Map(leases.flatMap((lease) => lease.gpus.map((gpu) => [gpu, lease])));
  return config.inventory.hosts.flatMap((host) =>
    host.islands.flat().map((index): GpuStatus => {
      const id = `${host.name}:${index}`;
      const lease = holders.get(id);
      return lease === undefined
        ? { id, pool: null, workerId: null, state: 'free', lease: null }
        : {
            id,
            pool: lease.pool,
            workerId: lease.workerId,
            state: lease.state,
            lease: {
              id: lease.leaseId,
              role: lease.role,
              tp: lease.gpus.length,
              sinceMs: lease.sinceMs,
              stateSinceMs: lease.stateSinceMs,
              generation: lease.generation,
              why: whyOrdered(lease.pool, lease.generation),
            },
          };
    }),
  );
}

/** Use of the GPUs that workers hold, weighted by how many each pool holds. */
function priorityUse(pools: readonly PoolStatus[]): PriorityUse[] {
  const priorities = [...new Set(pools.map((pool) => pool.priority))].sort((a, b) => a - b);
  return priorities.map((priority) => {
    const members = pools.filter((pool) => pool.priority === priority);
    const mean = (use: (pool: PoolStatus) => number | null, weight: (pool: PoolStatus) => number) => {
      const known = members.filter((pool) => use(pool) !== null);
      const whole = known.reduce((sum, pool) => sum + weight(pool), 0);
      return ratio(
        known.reduce((sum, pool) => sum + (use(pool) ?? 0) * weight(pool), 0),
        whole,
      );
    };
    return {
      priority,
      pools: members.map((pool) => pool.name),
      now: mean(
        (pool) => pool.utilization.now,
        (pool) => pool.gpus.length,
      ),
      run: mean(
        (pool) => pool.utilization.run,
        (pool) => pool.gpuSeconds,
      ),
    };
  });
}
