import { workersThatFit } from './pool.js';
import { poolsBelow } from './pools-below.js';
import type { Path, Problems } from './problems.js';
import type { Config, InventoryConfig, PoolConfig } from './types.js';

/** Where a field of a pool stands in the file; the pool itself when the field came from its preset. */
export type PoolOrigin = (pool: string, field: string) => Path;

/** What no field can say alone: budgets against the inventory, floors against budgets, TP against islands. */
export function checkInventory(inventory: InventoryConfig, problems: Problems): void {
  const names = new Set<string>();
  for (const [h, host] of inventory.hosts.entries()) {
    const at = ['inventory', 'hosts', h];
    if (names.has(host.name)) {
      problems.add([...at, 'name'], `expected each host once, got ${JSON.stringify(host.name)} again`);
    }
    names.add(host.name);
    const seen = new Set<number>();
    for (const [i, island] of host.islands.entries()) {
      for (const [g, gpu] of island.entries()) {
        if (seen.has(gpu)) problems.add([...at, 'islands', i, g], `expected each GPU once, got ${gpu} again`);
        seen.add(gpu);
      }
    }
  }
}

/** Intervals that only work together. `origin` as for the pools, by section and field. */
export function checkTimes(config: Config, origin: (path: Path) => Path, problems: Problems): void {
  const { planner, worker } = config;
  if (planner.fastIntervalSeconds > planner.adjustmentIntervalSeconds) {
    problems.add(
      origin(['planner', 'fast_interval_seconds']),
      `expected at most adjustment_interval_seconds of ${planner.adjustmentIntervalSeconds}, got ${planner.fastIntervalSeconds}`,
    );
  }
  const beats = [
    ['worker', 'lease_seconds', worker.leaseSeconds],
    ['planner', 'telemetry_stale_seconds', planner.telemetryStaleSeconds],
  ] as const;
  for (const [name, field, seconds] of beats) {
    // One heartbeat may come late; two in a row mean something.
    if (seconds < 2 * worker.heartbeatSeconds) {
      problems.add(
        origin([name, field]),
        `expected at least two heartbeats (worker.heartbeat_seconds is ${worker.heartbeatSeconds}), got ${seconds}`,
      );
    }
  }
}

export function checkPools(config: Config, origin: PoolOrigin, problems: Problems): void {
  const islands = config.inventory.hosts.flatMap(({ islands }) => islands.map(({ length }) => length));
  const total = islands.reduce((sum, size) => sum + size, 0);
  const largest = Math.max(...islands);
  const byRoute = new Map<string, string>();
  let guaranteed = 0;
  for (const pool of Object.values(config.pools)) {
    const at = (field: string): Path => origin(pool.name, field);
    const route = JSON.stringify([pool.model, pool.level]);
    const other = byRoute.get(route);
    if (other !== undefined) {
      problems.add(
        at('level'),
        `expected one pool for model ${pool.model} and level ${pool.level}, but pool ${other} has both too`,
      );
    }
    byRoute.set(route, pool.name);
    guaranteed += pool.gpuBudget.guaranteed;
    checkBudget(pool, total, at, problems);
    checkParallelism(pool, largest, at, problems);
    checkWorkers(pool, at, problems);
    if (pool.overload.policy === 'relegate' && poolsBelow(config, pool).length === 0) {
      problems.add(
        at('overload.policy'),
        `expected late, refuse or edf, got relegate: no pool of model ${pool.model} has a lower priority than ${pool.name}'s ${pool.priority}`,
      );
    }
  }
  if (guaranteed > total) {
    const sums = Object.values(config.pools).map((pool) => `${pool.name} ${pool.gpuBudget.guaranteed}`);
    problems.add(
      ['pools'],
      `expected guaranteed GPU budgets of at most the ${total} GPUs of the inventory together, got ${guaranteed} (${sums.join(', ')})`,
    );
  }
}

function checkBudget(pool: PoolConfig, total: number, at: (field: string) => Path, problems: Problems): void {
  const { guaranteed, ceiling } = pool.gpuBudget;
  if (guaranteed > ceiling) {
    problems.add(
      at('gpu_budget.guaranteed'),
      `expected at most the ceiling of ${ceiling}, got ${guaranteed}`,
    );
  }
  if (ceiling > total) {
    problems.add(
      at('gpu_budget.ceiling'),
      `expected at most the ${total} GPUs of the inventory, got ${ceiling}`,
    );
  }
}

function checkParallelism(
  pool: PoolConfig,
  largestIsland: number,
  at: (field: string) => Path,
  problems: Problems,
): void {
  for (const role of ['prefill', 'decode'] as const) {
    const tp = pool.tensorParallelism[role];
    if (tp === 'auto') continue;
    const field = `tensor_parallelism.${role}`;
    if (tp > largestIsland) {
      problems.add(
        at(field),
        `expected at most the ${largestIsland} GPUs of the largest island (a worker's GPUs share a fast link), got ${tp}`,
      );
    } else if (tp > pool.gpuBudget.ceiling) {
      problems.add(
        at(field),
        `expected at most the pool's GPU budget of ${pool.gpuBudget.ceiling}, got ${tp}: no worker could start`,
      );
    }
  }
}

function checkWorkers(pool: PoolConfig, at: (field: string) => Path, problems: Problems): void {
  const { minWorkers, maxWorkers, gpuBudget, tensorParallelism: tp, disaggregation } = pool;
  if (minWorkers > maxWorkers) {
    problems.add(at('min_workers'), `expected at most max_workers of ${maxWorkers}, got ${minWorkers}`);
    return;
  }
  const prefill = disaggregation.enabled === true ? disaggregation.prefillWorkers : 0;
  const pairGpus = (tp.prefill === 'auto' ? 1 : tp.prefill) + (tp.decode === 'auto' ? 1 : tp.decode);
  if (disaggregation.enabled === 'auto' && (maxWorkers < 2 || pairGpus > gpuBudget.ceiling)) {
    problems.note(
      at('disaggregation.enabled'),
      `a prefill worker beside a decode worker does not fit ${gpuBudget.ceiling} GPUs and ${maxWorkers} workers: auto stays aggregated`,
    );
  }
  if (prefill + Math.max(1, minWorkers) > maxWorkers) {
    problems.add(
      at('disaggregation.prefill_workers'),
      `expected room for ${Math.max(1, minWorkers)} decode workers beside it under max_workers of ${maxWorkers}, got ${prefill}`,
    );
  }
  const floorGpus = minWorkers * (tp.decode === 'auto' ? 1 : tp.decode);
  const prefillGpus = prefill * (tp.prefill === 'auto' ? 1 : tp.prefill);
  if (floorGpus + prefillGpus > gpuBudget.ceiling) {
    problems.add(
      at(prefill > 0 ? 'disaggregation.prefill_workers' : 'min_workers'),
      `expected a floor within the GPU budget of ${gpuBudget.ceiling}, got ${minWorkers} decode and ${prefill} prefill workers of ${floorGpus + prefillGpus} GPUs`,
    );
  } else if (floorGpus > gpuBudget.guaranteed) {
    problems.note(
      at('min_workers'),
      `the floor of ${floorGpus} GPUs is above the guaranteed ${gpuBudget.guaranteed}: while others borrow, it may not be met`,
    );
  }
  // More than fits is harmless (the ledger holds the budget), but the number then limits nothing.
  if (prefill === 0 && maxWorkers > workersThatFit(tp, gpuBudget.ceiling)) {
    problems.note(
      at('max_workers'),
      `${maxWorkers} workers of TP ${tp.decode} do not fit the budget of ${gpuBudget.ceiling} GPUs: the budget decides`,
    );
  }
}
