import type { InventoryConfig, PoolConfig } from '../../config/types.js';

/** One GPU. */
export interface Gpu {
  /** `host:index`. */
  id: string;
  host: string;
  /** CUDA device index on its host. */
  index: number;
  /** `host/n`: GPUs of the same island share a fast link. */
  island: string;
}

/** What a pool may hold. GPUs; `maxWorkers` counts workers of both roles. */
export interface Budget {
  guaranteed: number;
  ceiling: number;
  maxWorkers: number;
}

/** All GPUs in the order of the configuration. */
export function inventoryOf(config: InventoryConfig): Gpu[] {
  return config.hosts.flatMap((host) =>
    host.islands.flatMap((island, n) =>
      island.map((index) => ({
        id: `${host.name}:${index}`,
        host: host.name,
        index,
        island: `${host.name}/${n}`,
      })),
    ),
  );
}

/** The budgets by pool name. */
export function budgetsOf(pools: Record<string, PoolConfig>): Record<string, Budget> {
  return Object.fromEntries(
    Object.entries(pools).map(([name, pool]) => [
      name,
      {
        guaranteed: pool.gpuBudget.guaranteed,
        ceiling: pool.gpuBudget.ceiling,
        maxWorkers: pool.maxWorkers,
      },
    ]),
  );
}

/** CUDA device index of a GPU id. */
export function deviceIndex(gpuId: string): number {
  return Number(gpuId.slice(gpuId.lastIndexOf(':') + 1));
}
