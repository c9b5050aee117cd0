import type { Config, OpenaiEngineConfig, PoolConfig, SimEngineConfig } from './types.js';

export const TIERS = ['high', 'medium', 'low'] as const;
export type Tier = (typeof TIERS)[number];

export function isTier(level: string): level is Tier {
  return TIERS.some((tier) => tier === level);
}

/** The engine of the presets: simulated, so that a first run needs no GPU; a real one starts in minutes, not seconds. */
export const SIM: SimEngineConfig = {
  kind: 'sim',
  profile: 'llama-3.1-8b-fp8-h100',
  coldStartSeconds: 3,
  maxSequences: 256,
  maxBatchedTokens: 2048,
  prefixCache: true,
  seed: 1,
};

/** What an engine of kind openai has unless its fields say otherwise; where it is, they must say. */
export const OPENAI: Omit<OpenaiEngineConfig, 'kind' | 'urls' | 'command' | 'coldStartSeconds'> = {
  profile: SIM.profile,
  maxSequences: 256,
  maxBatchedTokens: 2048,
  servedModel: null,
  apiKeyEnv: null,
  sendPriority: false,
  retries: 2,
  connectTimeoutSeconds: 2,
  firstTokenTimeoutSeconds: 60,
  tokenGapTimeoutSeconds: 30,
  startTimeoutSeconds: 900,
};

const SHARED = {
  model: 'llama-3.1-8b',
  expected: { isl: 2000, osl: 150 },
  disaggregation: { enabled: false, minPromptTokens: 512, prefillWorkers: 1 },
  queueTimeoutSeconds: null,
  burstCalmSeconds: 30,
};

/**
 * The tier table of the design. Floors: high and medium keep one worker, since a request that finds none waits for
 * a cold start of seconds to minutes and misses a target of 0.3 s or 1 s; low may go to nothing, best effort as it is.
 */
const PRESETS: Record<Tier, Omit<PoolConfig, 'name' | 'level' | keyof typeof SHARED | 'engine'>> = {
  high: {
    priority: 1,
    description: 'premium service with strict latency requirements',
    tensorParallelism: { prefill: 2, decode: 2 },
    gpuBudget: { guaranteed: 4, ceiling: 4 },
    maxWorkers: 2,
    minWorkers: 1,
    gpuMemoryUtilization: 0.95,
    scaleUpThreshold: { prefillQueue: 0.5, decodeKv: 0.5 },
    scaling: { aggressiveness: 'aggressive', lookAhead: 'proactive' },
    burstProtection: true,
    costOptimization: false,
    advisory: false,
    performanceBuffer: 0.8,
    latencyPercentile: 95,
    violationsAllowed: 0.05,
    loadPredictor: 'arima',
    targets: { ttftSeconds: 0.3, itlSeconds: 0.03 },
    overload: { policy: 'late', lateBoundSeconds: 30 },
    admission: { policy: 'predict', waitingRoom: 1000 },
    idleAfterSeconds: 300,
  },
  medium: {
    priority: 2,
    description: 'standard service',
    tensorParallelism: { prefill: 1, decode: 1 },
    gpuBudget: { guaranteed: 3, ceiling: 3 },
    maxWorkers: 3,
    minWorkers: 1,
    gpuMemoryUtilization: 0.9,
    scaleUpThreshold: { prefillQueue: 0.7, decodeKv: 0.7 },
    scaling: { aggressiveness: 'balanced', lookAhead: 'moderate' },
    burstProtection: false,
    costOptimization: false,
    advisory: false,
    performanceBuffer: 0.85,
    latencyPercentile: 90,
    violationsAllowed: 0.1,
    loadPredictor: 'arima',
    targets: { ttftSeconds: 1, itlSeconds: 0.06 },
    overload: { policy: 'late', lateBoundSeconds: 60 },
    admission: { policy: 'predict', waitingRoom: 1000 },
    idleAfterSeconds: 180,
  },
  low: {
    priority: 3,
    description: 'best effort',
    tensorParallelism: { prefill: 1, decode: 1 },
    gpuBudget: { guaranteed: 1, ceiling: 1 },
    maxWorkers: 1,
    minWorkers: 0,
    gpuMemoryUtilization: 0.85,
    scaleUpThreshold: { prefillQueue: 0.9, decodeKv: 0.9 },
    scaling: { aggressiveness: 'conservative', lookAhead: 'reactive' },
    burstProtection: false,
    costOptimization: true,
    advisory: false,
    performanceBuffer: 0.95,
    latencyPercentile: 80,
    violationsAllowed: 0.2,
    loadPredictor: 'constant',
    targets: { ttftSeconds: 5, itlSeconds: 0.2 },
    overload: { policy: 'late', lateBoundSeconds: 300 },
    admission: { policy: 'predict', waitingRoom: 1000 },
    idleAfterSeconds: 60,
  },
};

/** A pool with every value of its tier; a fresh object each time. */
export function presetPool(tier: Tier, name: string, level: string): PoolConfig {
  return { name, level, ...structuredClone({ ...SHARED, ...PRESETS[tier], engine: SIM }) };
}

/** The configuration without a file: the three tiers on one host of eight GPUs that share one fast link. */
export function defaultConfig(): Config {
  return {
    namespace: 'sluice',
    source: null,
    defaultLevel: 'medium',
    inventory: { hosts: [{ name: 'localhost', islands: [[0, 1, 2, 3, 4, 5, 6, 7]] }] },
    pools: Object.fromEntries(TIERS.map((tier) => [tier, presetPool(tier, tier, tier)])),
    planner: {
      fastIntervalSeconds: 1,
      adjustmentIntervalSeconds: 10,
      telemetryStaleSeconds: 10,
      windowSeconds: 60,
      transitionsKept: 10_000,
      decisionsKept: 2000,
      historyKeptHours: 168,
    },
    worker: {
      heartbeatSeconds: 1,
      leaseSeconds: 10,
      drainSeconds: 60,
      maxRestarts: 5,
      restartBackoffSeconds: 1,
    },
    queues: {
      deadlineResolutionMs: 20,
      lockSeconds: 6,
      keepSeconds: 3600,
      keepJobs: 10_000,
      ingressConcurrency: 4096,
      requestsPrefix: 'bull',
    },
    limits: { maxPromptTokens: 131_072, maxOutputTokens: 16_384 },
    gateway: {
      host: '127.0.0.1',
      port: 'auto',
      auth: 'none',
      tls: { cert: null, key: null },
      corsOrigins: [],
      maxBodyBytes: 16 * 1024 * 1024,
      requestTimeoutSeconds: 30,
      defaultMaxTokens: 1024,
      webhooks: { http: false, privateAddresses: false },
      logPrompts: false,
      traces: null,
    },
    dashboard: { samplesKept: 1_800, samplesKeptSeconds: 3_600, auditKept: 1_000, auditKeptDays: 90 },
    pricing: { usdPerGpuHour: 2.5 },
  };
}
