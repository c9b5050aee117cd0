/** The typed configuration of a Sluice installation. Made by `loadConfig`; nothing else makes one. */
export interface Config {
  /** Prefix of every Redis key of this installation. */
  namespace: string;
  /** The file that it was read from; null: presets only. */
  source: string | null;
  /** Level of requests that name none. */
  defaultLevel: string;
  inventory: InventoryConfig;
  /** By pool name. Routing is by (model, level); names are unique. */
  pools: Record<string, PoolConfig>;
  planner: PlannerConfig;
  worker: WorkerConfig;
  queues: QueueConfig;
  limits: LimitsConfig;
  gateway: GatewayConfig;
  dashboard: DashboardConfig;
  pricing: { usdPerGpuHour: number };
}

export interface InventoryConfig {
  hosts: HostConfig[];
}

export interface HostConfig {
  name: string;
  /** Each island is a group of GPUs that share a fast link (NVLink); entries are CUDA device indices. */
  islands: number[][];
}

export const AGGRESSIVENESS = ['aggressive', 'balanced', 'conservative'] as const;
export type Aggressiveness = (typeof AGGRESSIVENESS)[number];
export const LOOK_AHEADS = ['proactive', 'moderate', 'reactive'] as const;
export type LookAhead = (typeof LOOK_AHEADS)[number];
export type OverloadPolicy = 'late' | 'refuse' | 'relegate' | 'edf';
export type AdmissionPolicy = 'predict' | 'queue';
export const LOAD_PREDICTORS = ['constant', 'linear', 'arima', 'kalman', 'seasonal', 'combined'] as const;
export type LoadPredictorName = (typeof LOAD_PREDICTORS)[number];

export interface PoolConfig {
  name: string;
  level: string;
  model: string;
  /** 1 is the most important. */
  priority: number;
  description: string;
  /** GPUs per worker. `auto`: the profile chooses. */
  tensorParallelism: { prefill: number | 'auto'; decode: number | 'auto' };
  /** GPUs; guaranteed <= ceiling, equal by default. */
  gpuBudget: { guaranteed: number; ceiling: number };
  /** Most workers of both roles together. */
  maxWorkers: number;
  /** Fewest decode/aggregated workers: the floor that an idle pool keeps. */
  minWorkers: number;
  /** 0..1 of GPU memory that the engine may use; sets the KV cache size. */
  gpuMemoryUtilization: number;
  /** 0..1 */
  scaleUpThreshold: { prefillQueue: number; decodeKv: number };
  scaling: { aggressiveness: Aggressiveness; lookAhead: LookAhead };
  burstProtection: boolean;
  costOptimization: boolean;
  /** Plans are made and recorded, and nothing is ordered. */
  advisory: boolean;
  /** 0..1: the planner plans for target x buffer. */
  performanceBuffer: number;
  /** 0..100: the percentile of TTFT and ITL that is watched. */
  latencyPercentile: number;
  /** 0..1 of requests that may miss their SLO. */
  violationsAllowed: number;
  loadPredictor: LoadPredictorName;
  targets: { ttftSeconds: number; itlSeconds: number };
  /** Tokens; used until requests have been seen. */
  expected: { isl: number; osl: number };
  disaggregation: {
    /** `auto`: the planner takes the form that needs fewer GPUs, and may change it. */
    enabled: boolean | 'auto';
    /** Prompts of at least this many tokens go prefill -> decode while prefill workers are ready. */
    minPromptTokens: number;
    /** Prefill workers to hold while `enabled` is true. */
    prefillWorkers: number;
  };
  /** What becomes of a request that is predicted to miss its TTFT target. */
  overload: { policy: OverloadPolicy; lateBoundSeconds: number };
  /** What the gateway does with a request that is predicted to miss its target, and while no worker is ready. */
  admission: { policy: AdmissionPolicy; waitingRoom: number };
  /** A request that waits longer in the queue ends as expired; null: never. A request's own deadline_ms goes first. */
  queueTimeoutSeconds: number | null;
  /** Without any request for so long, the pool is idle and goes to its floor. */
  idleAfterSeconds: number;
  /** Burst-protect ends after so long without a spike. */
  burstCalmSeconds: number;
  engine: EngineConfig;
}

export type EngineConfig = SimEngineConfig | OpenaiEngineConfig | { kind: 'noop' };

export interface SimEngineConfig {
  kind: 'sim';
  /** A built-in profile's name or a file's path. */
  profile: string;
  coldStartSeconds: number;
  /** Most sequences in one batch (vLLM: max_num_seqs). */
  maxSequences: number;
  /** Token budget of one step (vLLM: max_num_batched_tokens). */
  maxBatchedTokens: number;
  prefixCache: boolean;
  seed: number;
}

/** Any OpenAI-compatible server: some that run already (`urls`), or one that each worker starts (`command`). */
export type OpenaiEngineConfig = {
  kind: 'openai';
  /** By which the planner sizes. */
  profile: string;
  /** What the planner reckons with until a cold start was measured. */
  coldStartSeconds: number;
  maxSequences: number;
  maxBatchedTokens: number;
  /** The engine's name of the model; null: that of the pool. */
  servedModel: string | null;
  /** Environment variable that holds the engine's key; null: none needed. */
  apiKeyEnv: string | null;
  /** Send the pool's priority as vLLM's `priority`. */
  sendPriority: boolean;
  /** Further attempts of a worker at one request. */
  retries: number;
  connectTimeoutSeconds: number;
  firstTokenTimeoutSeconds: number;
  tokenGapTimeoutSeconds: number;
  startTimeoutSeconds: number;
} & (
  | {
      /** Without /v1; `{host}` and `{gpu}` stand for the lease's first GPU. */
      urls: string[];
      command: null;
    }
  | { urls: null; command: string }
);

export interface PlannerConfig {
  /** Fast loop, seconds: watches saturation and bursts, may only add. */
  fastIntervalSeconds: number;
  /** Slow loop, seconds: sizes from the forecast. */
  adjustmentIntervalSeconds: number;
  /** Telemetry older than this is missing. */
  telemetryStaleSeconds: number;
  /** Latency and length samples are taken over so long. */
  windowSeconds: number;
  /** Transitions kept on each pool's stream. */
  transitionsKept: number;
  /** Decision records kept of each pool. */
  decisionsKept: number;
  /** Of both, older ones are removed. */
  historyKeptHours: number;
}

/** What the dashboard keeps in Redis. */
export interface DashboardConfig {
  /** Samples of the time lines, at most so many and so old. */
  samplesKept: number;
  samplesKeptSeconds: number;
  /** Entries of the audit log, at most so many and so old. */
  auditKept: number;
  auditKeptDays: number;
}

export interface WorkerConfig {
  heartbeatSeconds: number;
  /** A lease without a heartbeat for so long is taken back. */
  leaseSeconds: number;
  /** A draining worker may finish its requests for so long. */
  drainSeconds: number;
  /** A worker that crashed so many times in a row is given up. */
  maxRestarts: number;
  /** First restart delay; doubles up to 32 times. */
  restartBackoffSeconds: number;
}

export interface QueueConfig {
  /** Resolution of deadline order, ms. */
  deadlineResolutionMs: number;
  /** A BullMQ job lock lives so long without renewal; a dead worker's requests run again after about so long. */
  lockSeconds: number;
  /** Ended jobs are kept so long, and at most so many by queue. */
  keepSeconds: number;
  keepJobs: number;
  /** Requests that one ingress process holds at once. */
  ingressConcurrency: number;
  /** BullMQ prefix of the public `requests` queue. */
  requestsPrefix: string;
}

export interface LimitsConfig {
  maxPromptTokens: number;
  maxOutputTokens: number;
}

export interface GatewayConfig {
  /** Address to listen on. */
  host: string;
  /** `auto`: the one it had last, else 8080, else a free one; 0: a free one. */
  port: number | 'auto';
  /** `keys`: only with an API key. */
  auth: 'none' | 'keys';
  /** Paths of PEM files; null: plain HTTP. Both or neither. */
  tls: { cert: string | null; key: string | null };
  /** Origins whose pages may call from a browser; `*`: all. */
  corsOrigins: string[];
  maxBodyBytes: number;
  /** A client has so long to send its whole request. */
  requestTimeoutSeconds: number;
  /** Most tokens of an answer whose request does not say. */
  defaultMaxTokens: number;
  /** Where webhooks may go beyond HTTPS on the public internet. */
  webhooks: { http: boolean; privateAddresses: boolean };
  /** Write prompts and answers into the log. */
  logPrompts: boolean;
  /** Folder of the traces that the dashboard may simulate; null: none. */
  traces: string | null;
}
