import type { WorkerFailure } from './lease.js';
import type { LatencyFigures } from './report.js';
import type { PlannerState } from './transition.js';
import type { WorkerRole, WorkerState } from './worker.js';

/** What `sluice status --json` prints. Times are Unix milliseconds; shares are 0..1; null is unknown, never zero. */
export interface SystemStatus {
  atMs: number;
  namespace: string;
  /** When the first request path came up; null: never. */
  startedAtMs: number | null;
  roles: RoleStatus[];
  /** In the order of priority. */
  pools: PoolStatus[];
  /** Pools that are no longer configured, with the requests there that have not ended and that nobody serves. */
  formerPools: { name: string; open: number }[];
  gpus: GpuStatus[];
  /** Use of held GPUs by SLO priority, most important first. */
  priorities: PriorityUse[];
  /** By SLO level. */
  levels: Record<string, LevelCost>;
  total: {
    gpusHeld: number;
    gpus: number;
    gpuHours: number;
    /** GPU-hours had every pool held its whole budget since the start. */
    staticGpuHours: number;
    savedGpuHours: number;
    costUsd: number;
    /** Price of the GPUs that are held now, and of all budgets, for one hour. */
    usdPerHour: number;
    staticUsdPerHour: number;
    /** Requests refused, by a pool's limits or before a pool was chosen. */
    rejected: number;
  };
}

export interface LevelCost {
  gpuSeconds: number;
  costUsd: number;
  /** Price of the GPUs that it holds now, for one hour. */
  usdPerHour: number;
  /** Cost since the start by thousand tokens, prompt and output, of completed requests; null: none completed. */
  usdPerThousandTokens: number | null;
}

export interface RoleStatus {
  id: string;
  role: string;
  pid: number | null;
  /** `restarting`: its supervisor is about to start it again. */
  state: 'alive' | 'dead' | 'restarting';
  /** Seconds since it was heard; null: not since its restart. */
  ageSeconds: number | null;
  /** By its supervisor; null: it has none. */
  restarts: number | null;
  /** Where it listens, if it does. */
  url?: string;
}

export interface GpuStatus {
  /** `host:index` */
  id: string;
  /** null: free. */
  pool: string | null;
  workerId: string | null;
  state: 'free' | 'starting' | 'running' | 'draining';
  /** The lease that holds it, null when free: GPUs of one lease are one tensor-parallel group. */
  lease: {
    id: string;
    role: WorkerRole;
    /** GPUs in it. */
    tp: number;
    /** Unix ms since when it is held, and since when in this state. */
    sinceMs: number;
    stateSinceMs: number;
    /** Of the scale order that it was taken for, and that order's reason; null: no longer on record. */
    generation: number;
    why: string | null;
  } | null;
}

export interface PriorityUse {
  priority: number;
  pools: string[];
  /** 0..1 of held GPUs now; null: none held. */
  now: number | null;
  /** 0..1 of held GPU-seconds since the start; null: none held yet. */
  run: number | null;
}

export interface ReplicaStatus {
  prefill: number;
  decode: number;
}

export interface PoolStatus {
  name: string;
  level: string;
  priority: number;
  description: string;
  planner: {
    /** null: it never made a record. */
    state: PlannerState | null;
    sinceMs: number | null;
    /** The newest last. */
    transitions: { atMs: number; from: PlannerState; to: PlannerState; event: string; reason: string }[];
    statesVisited: PlannerState[];
    /** Transitions on record, orders within a state left out. */
    transitionCounts: { from: PlannerState; to: PlannerState; count: number }[];
    /** null: its planner never told. */
    forecast: ForecastStatus | null;
    /** What holds for it now, by configuration or by an operator, within its limits; null: its planner never told. */
    holds: { floor: number; advisory: boolean } | null;
  };
  workers: {
    /** Of the newest order; null: no order yet. */
    desired: ReplicaStatus | null;
    /** The allocator's last word; null: none yet. */
    granted: ReplicaStatus | null;
    shortage: string | null;
    ready: ReplicaStatus;
    starting: ReplicaStatus;
    draining: ReplicaStatus;
    each: WorkerStatus[];
    failures: WorkerFailure[];
  };
  engine: EngineStatus;
  /** GPU ids that it leases, and the most that it may. */
  gpus: string[];
  gpuCeiling: number;
  queue: { waiting: number; running: number; oldestWaitSeconds: number | null };
  /** Requests routed to it each second: mean of the last ten seconds that are counted; null: nobody counts them. */
  arrivalsPerSecond: number | null;
  counts: {
    routed: number;
    /** Refused before they were routed: by a limit of the pool or of their API key. */
    refused: number;
    /** Waiting or running now. */
    active: number;
    completed: number;
    /** Ended by an error. */
    failed: number;
    expired: number;
    cancelled: number;
    /** Sent on to a lower level because they would have begun too late. */
    relegated: number;
  };
  /** Of completed requests since the start. */
  tokens: { input: number; output: number };
  violationsAllowed: number;
  targets: { ttftSeconds: number; itlSeconds: number };
  /** The percentile that is watched, 0..100. */
  latencyPercentile: number;
  minute: WindowStatus;
  tenMinutes: WindowStatus;
  run: WindowStatus;
  /** Attainment against what is allowed over the last minute, hour and day (or since the start, where that is later). */
  budget: { minute: BudgetStatus; hour: BudgetStatus; day: BudgetStatus };
  /** GPU-seconds leased since the start, and their price. */
  gpuSeconds: number;
  costUsd: number;
  scaling: {
    /**
     * GPU-seconds in use: the integral over time of the sum over workers of TP x busy share, where a worker's busy share
     * is the larger of sequences over its sequence limit and KV blocks in use over KV blocks, at most 1. Measured by the
     * planner's looks.
     */
    neededGpuSeconds: number;
    leasedGpuSeconds: number;
    /** needed / leased; null: nothing leased yet. */
    efficiency: number | null;
    /** Orders for more and for fewer workers, and those that turned the last one around before it could pay. */
    scaleUps: number;
    scaleDowns: number;
    reversals: number;
  };
  /** 0..1 of the GPUs that living workers hold, now and since the start; null: none held. */
  utilization: { now: number | null; run: number | null };
  tensorParallel: {
    /** GPUs for one decode worker; null: `auto`, and no worker lives. */
    degree: number | null;
    /** Output tokens of requests completed in the last minute, by second and held GPU; null: no GPU held. */
    tokensPerSecondPerGpu: number | null;
    /** Tokens per second per GPU at this degree against TP 1, by the profile at the present batch; null: no profile. */
    efficiency: number | null;
  };
}

/** What a planner reckons with. Rates are requests/s; null: too little is known. */
export interface ForecastStatus {
  /** Highest rate expected within the horizon, and how unsure it is. */
  requestsPerSecond: number | null;
  standardDeviation: number | null;
  horizonSeconds: number | null;
  /** Of the last seconds. */
  recentRequestsPerSecond: number | null;
  /** What the ready workers serve at most. */
  capacityRequestsPerSecond: number | null;
  /** Seconds since the planner told. */
  ageSeconds: number;
}

/** What the engines of a pool's living workers told of themselves, added up. */
export interface EngineStatus {
  runningSequences: number;
  waitingSequences: number;
  maxSequences: number;
  waitingPrefillTokens: number;
  /** 0..1 of KV blocks in use; null: none told. */
  kvUsage: number | null;
  /** 0..1 of prompt tokens found in prefix caches, mean over workers; null: none told. */
  prefixHitRate: number | null;
  preemptions: number;
}

export interface WorkerStatus {
  id: string;
  role: WorkerRole;
  state: WorkerState;
  gpus: string[];
  running: number;
  /** 0..1; null: not told. */
  kvUsage: number | null;
  ageSeconds: number;
  /** Last lines of its engine's output, oldest first: while it starts, and once it failed. */
  engineLog: string[];
}

/** What was spent of the violations allowed in a time. */
export interface BudgetStatus {
  /** Requests that ended. */
  requests: number;
  /** 0..1; null: none ended. */
  attainment: number | null;
  /** Share of violations / share allowed: at 1 the budget is just used up; null: none ended. */
  burnRate: number | null;
  /** 1 - burnRate: the part of the error budget that is left, negative once it is overspent; null: none ended. */
  left: number | null;
}

/** Requests that ended in a time. */
export interface WindowStatus {
  requests: number;
  /** 0..1; null: none ended. */
  attainment: number | null;
  ttftSeconds: LatencyFigures;
  itlSeconds: LatencyFigures;
}
