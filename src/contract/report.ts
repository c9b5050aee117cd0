/** Latency figures, seconds; null where no request had one. */
export interface LatencyFigures {
  mean: number | null;
  p50: number | null;
  p80: number | null;
  p90: number | null;
  p95: number | null;
  p99: number | null;
}

export interface PoolReport {
  requests: number;
  completed: number;
  failed: number;
  expired: number;
  cancelled: number;
  /** Of those above: served at a lower level, and so not attained. */
  relegated: number;
  /** Requests that never ended: always 0 in a sound run. */
  lost: number;
  /** 0..1 of all requests. */
  attainment: number;
  /** The same with each request weighed by its prompt and output tokens: long prompts given up show here. */
  tokenAttainment: number;
  /** 0..1. */
  violationsAllowed: number;
  ttftSeconds: LatencyFigures;
  itlSeconds: LatencyFigures;
  gpuHours: number;
  /** GPU-hours had it held its whole budget (its ceiling) for as long as `gpuHours` was counted. */
  staticGpuHours: number;
  costUsd: number;
  scaleUps: number;
  scaleDowns: number;
  reversals: number;
  maxGpus: number;
  statesVisited: string[];
}

/** What `replay --json`, `demo --json` and later `simulate --json` print. docs/report.md describes each field. */
export interface RunReport {
  pools: Record<string, PoolReport>;
  /** Ended early by a signal: it covers what ran. */
  interrupted: boolean;
  total: {
    requests: number;
    completed: number;
    lost: number;
    attainment: number;
    /** As in the pools. */
    tokenAttainment: number;
    goodputRps: number;
    /** Prompt and output tokens that the requests asked for that attained their targets, per second. */
    goodputTokensPerSecond: number;
    gpuHours: number;
    /** GPU-hours had every pool held its whole budget for as long as `gpuHours` was counted. */
    staticGpuHours: number;
    maxGpus: number;
    wallSeconds: number;
    /** Tokens that reached the client, and how many came twice or not at all. */
    tokens: { delivered: number; duplicated: number; missing: number };
  };
}
