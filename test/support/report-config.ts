import { defaultConfig } from '../../src/config/load.js';
import type { Config, PoolConfig } from '../../src/config/types.js';

const pool = (name: string, ceiling: number, violationsAllowed: number): PoolConfig => ({
  name,
  level: name,
  model: 'm',
  priority: 1,
  description: '',
  tensorParallelism: { prefill: 1, decode: 1 },
  gpuBudget: { guaranteed: ceiling, ceiling },
  maxWorkers: ceiling,
  minWorkers: 1,
  gpuMemoryUtilization: 0.9,
  scaleUpThreshold: { prefillQueue: 0.5, decodeKv: 0.5 },
  scaling: { aggressiveness: 'balanced', lookAhead: 'reactive' },
  burstProtection: false,
  costOptimization: false,
  performanceBuffer: 0.9,
  latencyPercentile: 95,
  violationsAllowed,
  loadPredictor: 'constant',
  targets: { ttftSeconds: 0.3, itlSeconds: 0.03 },
  expected: { isl: 2000, osl: 150 },
  disaggregation: { enabled: false, minPromptTokens: 1, prefillWorkers: 0 },
  queueTimeoutSeconds: null,
  overload: { policy: 'late', lateBoundSeconds: 60 },
  idleAfterSeconds: 10,
  burstCalmSeconds: 10,
  engine: { kind: 'noop' },
});

/** Two pools, `high` with 4 GPUs and `low` with 1, for tests of reports. */
export const testConfig: Config = {
  namespace: 'n',
  source: null,
  defaultLevel: 'low',
  inventory: { hosts: [] },
  pools: { high: pool('high', 4, 0.05), low: pool('low', 1, 0.2) },
  planner: {
    fastIntervalSeconds: 1,
    adjustmentIntervalSeconds: 10,
    telemetryStaleSeconds: 5,
    windowSeconds: 30,
    transitionsKept: 100,
  },
  worker: { heartbeatSeconds: 1, leaseSeconds: 3, drainSeconds: 5, maxRestarts: 3, restartBackoffSeconds: 1 },
  queues: {
    deadlineResolutionMs: 10,
    lockSeconds: 5,
    keepSeconds: 60,
    keepJobs: 100,
    ingressConcurrency: 10,
    requestsPrefix: 'bull',
  },
  limits: { maxPromptTokens: 1000, maxOutputTokens: 1000 },
  gateway: defaultConfig().gateway,
  pricing: { usdPerGpuHour: 2 },
};
