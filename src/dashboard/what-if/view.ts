/** What the what-if view shows. Times are Unix ms; null is unknown, never zero. */
export interface Offer {
  pools: OfferedPool[];
  scenarios: { name: string; title: string }[];
  /** File names in the configured folder; null: no folder is configured. */
  traces: string[] | null;
  /** What is on record of the last hour. */
  recorded: { requests: number; minutes: number };
  run: RunView | null;
}

/** A pool as it is configured, in the fields and units of the configuration file. */
export interface OfferedPool {
  name: string;
  gpus: number;
  min_workers: number;
  ttft_target: number;
  itl_target: number;
  violations_allowed: number;
  look_ahead: string;
  aggressiveness: string;
  burst_protection: boolean;
  cost_optimization: boolean;
  overload: string;
}

export interface RunView {
  id: string;
  state: 'running' | 'done' | 'failed' | 'cancelled';
  startedAtMs: number;
  /** In words: which traffic. */
  source: string;
  changes: FieldChange[];
  /** 0..1 of both simulations. */
  progress: number;
  phase: Phase;
  /** Why it failed. */
  message: string | null;
  result: RunResult | null;
}

/** A field of the configuration file. */
export interface FieldChange {
  pool: string;
  field: string;
  from: string;
  to: string;
}

export type Phase = 'as configured' | 'changed';

export interface RunResult {
  /** When the recorded traffic began; null: it is no recording. */
  beganAtMs: number | null;
  requests: number;
  /** What the simulation supposes beyond the configuration. */
  notes: string[];
  configured: RunFigures;
  changed: RunFigures;
}

export interface RunFigures {
  gpuHours: number;
  usd: number;
  pools: Record<string, PoolFigures>;
}

export interface PoolFigures {
  requests: number;
  /** 0..1 of its requests met their SLO; null: none came. */
  attainment: number | null;
  /** 0..1 that has to. */
  promised: number;
  gpuHours: number;
  usd: number;
  targets: { ttftSeconds: number; itlSeconds: number };
  latencyPercentile: number;
  lines: Lines;
}

/** Columns of equal length, one row an interval. */
export interface Lines {
  /** Seconds from the begin to the interval's. */
  at: number[];
  /** Requests/s. */
  load: number[];
  gpus: number[];
  ready: number[];
  waiting: number[];
  /** At the watched percentile, seconds. */
  ttft: (number | null)[];
  itl: (number | null)[];
  /** 0..1 */
  attainment: (number | null)[];
}
