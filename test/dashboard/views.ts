import type { PoolStatus, SystemStatus } from '../../src/contract/status.js';
import { PLANNER_STATES } from '../../src/contract/transition.js';
import type { LogEntry, View } from '../../src/dashboard/view.js';

/** Of the gateway: entries that a view carries. */
const LOG_SHOWN = 60;
/** Views after which a worker gives way to one of another name. */
const WORKER_LIVES = 40;

/**
 * A busy system as a page sees it, view by view from n = 0, each two seconds after the last: figures that all change, a
 * planner that decides, workers that come and go, GPUs that change hands.
 */
export function busyViews(status: SystemStatus): (n: number) => View {
  const pools = status.pools.map(({ name }) => name);
  return (n) => {
    const atMs = status.atMs + n * 2_000;
    return {
      status: {
        ...status,
        atMs,
        pools: status.pools.map((pool, at) => busyPool(pool, atMs, n + at)),
        gpus: status.gpus.map((gpu, at) => {
          const pool = pools[(at + Math.floor(n / WORKER_LIVES)) % (pools.length + 1)] ?? null;
          if (pool === null) return { ...gpu, pool, workerId: null, state: 'free', lease: null };
          const times = { sinceMs: atMs - 20_000, stateSinceMs: atMs - 10_000 };
          const lease = { id: `${n}-${at}`, role: 'vllm' as const, tp: 1, generation: n, why: `order ${n}` };
          return {
            ...gpu,
            pool,
            workerId: workerId(pool, n),
            state: 'running',
            lease: { ...lease, ...times },
          };
        }),
        // What the test reads to know which view is shown.
        total: { ...status.total, rejected: n, costUsd: n / 7, savedGpuHours: n / 3, staticGpuHours: n },
      },
      forecasts: Object.fromEntries(
        pools.map((pool, at) => {
          const leads = [5, 10, 20, 40].map((seconds) => ({ seconds, low: n % 7, middle: 8, high: 9 + at }));
          return [pool, { atMs, leads }];
        }),
      ),
      log: Object.fromEntries(
        Array.from({ length: Math.min(n + 1, LOG_SHOWN) }, (_, back) =>
          decision(pools, status.atMs, n - back),
        ).reverse(),
      ),
      audit: [],
      problem: null,
      sentMs: atMs,
      keys: false,
    };
  };
}

function busyPool(pool: PoolStatus, atMs: number, n: number): PoolStatus {
  const one = (value: number) => value * (1 + 0.3 * Math.sin(n / 9));
  const figures = (scale: number) => ({
    mean: one(scale),
    p50: one(scale),
    p80: one(scale),
    p90: one(scale),
    p95: one(scale),
    p99: one(scale),
  });
  const budget = { requests: n, attainment: one(0.7), burnRate: one(1), left: one(0.2) };
  const window = { requests: n, attainment: one(0.7), ttftSeconds: figures(0.2), itlSeconds: figures(0.02) };
  const { name, workers } = pool;
  const state = PLANNER_STATES[n % 5] ?? 'idle';
  return {
    ...pool,
    planner: { ...pool.planner, state, sinceMs: atMs - 1_000 },
    workers: {
      ...workers,
      desired: { prefill: 0, decode: 1 + (n % 4) },
      ready: { prefill: 0, decode: 1 + (n % 3) },
      each: ['a', 'b'].map((which) => ({
        ...{ id: `${workerId(name, n)}-${which}`, role: 'vllm' as const, gpus: [], running: n % 9 },
        ...{ state: n % WORKER_LIVES < 4 ? ('starting' as const) : ('ready' as const) },
        ...{ kvUsage: one(0.4), ageSeconds: 1, engineLog: [] },
      })),
    },
    queue: { waiting: n % 11, running: n % 13, oldestWaitSeconds: one(1) },
    arrivalsPerSecond: one(5),
    minute: window,
    budget: { minute: budget, hour: budget, day: budget },
  };
}

/** The n-th decision since the start; each view brings one. */
function decision(pools: readonly string[], startMs: number, n: number): [string, LogEntry] {
  const pool = pools[n % pools.length] ?? '';
  const entry: LogEntry = {
    ...{ machine: 'planner', pool, workerId: null, atMs: startMs + n * 2_000, event: 'TICK' },
    ...{ from: PLANNER_STATES[n % 5] ?? 'idle', to: PLANNER_STATES[(n + 1) % 5] ?? 'idle' },
    reason: `decision ${n}: a load of ${n % 17} requests/s needs ${n % 4} workers`,
    numbers: { rate: n % 17, needed: n % 4, decision: n },
    order: { generation: n, prefill: 0, decode: n % 4 },
  };
  return [`${pool}:${n}`, entry];
}

function workerId(pool: string, n: number): string {
  return `${pool}-${Math.floor(n / WORKER_LIVES)}`;
}
