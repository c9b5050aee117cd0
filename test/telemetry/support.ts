import { defaultConfig } from '../../src/config/load.js';
import type { Config, PoolConfig } from '../../src/config/types.js';
import type { Heartbeat } from '../../src/contract/worker.js';

/** A pool and a configuration with round numbers, independent of the presets. */
export const pool: PoolConfig = {
  name: 'high',
  level: 'high',
  model: 'm',
  priority: 1,
  description: 'premium service',
  tensorParallelism: { prefill: 2, decode: 2 },
  gpuBudget: { guaranteed: 4, ceiling: 4 },
  maxWorkers: 2,
  minWorkers: 0,
  gpuMemoryUtilization: 0.9,
  scaleUpThreshold: { prefillQueue: 0.5, decodeKv: 0.5 },
  scaling: { aggressiveness: 'aggressive', lookAhead: 'proactive' },
  burstProtection: true,
  costOptimization: false,
  advisory: false,
  performanceBuffer: 0.8,
  latencyPercentile: 90,
  violationsAllowed: 0.05,
  loadPredictor: 'constant',
  targets: { ttftSeconds: 0.3, itlSeconds: 0.03 },
  expected: { isl: 1000, osl: 100 },
  disaggregation: { enabled: false, minPromptTokens: 500, prefillWorkers: 1 },
  queueTimeoutSeconds: null,
  overload: { policy: 'late', lateBoundSeconds: 60 },
  idleAfterSeconds: 30,
  burstCalmSeconds: 10,
  engine: { kind: 'noop' },
};

export const config: Config = {
  namespace: 'test',
  source: null,
  defaultLevel: 'high',
  inventory: { hosts: [{ name: 'host', islands: [[0, 1, 2, 3]] }] },
  pools: { high: pool },
  planner: {
    fastIntervalSeconds: 1,
    adjustmentIntervalSeconds: 10,
    telemetryStaleSeconds: 5,
    windowSeconds: 60,
    transitionsKept: 1000,
    decisionsKept: 100,
  },
  worker: {
    heartbeatSeconds: 1,
    leaseSeconds: 10,
    drainSeconds: 30,
    maxRestarts: 5,
    restartBackoffSeconds: 1,
  },
  queues: {
    deadlineResolutionMs: 1,
    lockSeconds: 10,
    keepSeconds: 3600,
    keepJobs: 1000,
    ingressConcurrency: 100,
    requestsPrefix: 'bull',
  },
  limits: { maxPromptTokens: 100_000, maxOutputTokens: 10_000 },
  gateway: defaultConfig().gateway,
  pricing: { usdPerGpuHour: 2 },
};

export function heartbeat(overrides: Partial<Heartbeat>): Heartbeat {
  return {
    workerId: 'w1',
    pool: 'high',
    role: 'vllm',
    state: 'ready',
    leaseId: 'l1',
    host: 'host',
    pid: 1,
    gpus: ['host:0', 'host:1'],
    tp: 2,
    load: {
      maxSequences: 10,
      runningSequences: 2,
      waitingSequences: 0,
      totalKvBlocks: 1000,
      usedKvBlocks: 500,
      blockTokens: 16,
      waitingPrefillTokens: 0,
      prefixHitRate: null,
      generatedTokens: 0,
      preemptions: 0,
    },
    activeRequests: 2,
    startedAtMs: 0,
    readyAtMs: 4000,
    atMs: 0,
    ...overrides,
  };
}
