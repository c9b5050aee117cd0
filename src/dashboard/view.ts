import type { SystemStatus } from '../contract/status.js';
import type { PlannerState } from '../contract/transition.js';

/** What the page shows, and so what the stream of deltas carries. Times are Unix ms; null is unknown, never zero. */
export interface View {
  /** When the figures were read. */
  status: SystemStatus;
  /** What each pool's planner foresaw when it last looked ahead; null: nothing yet. */
  forecasts: Record<string, Forecast | null>;
  /** The newest things that happened to machines, by `POOL:SEQUENCE` or `WORKER:COUNT`. */
  log: Record<string, LogEntry>;
  /** What operators did, newest last. */
  audit: AuditEntry[];
  /** Why the figures are not renewed; null: they are. */
  problem: string | null;
  /** Unix ms of the gateway's clock when this view was made: with `status.atMs` the age of the figures. */
  sentMs: number;
  /** The gateway asks for an operator's key. */
  keys: boolean;
}

/** Arrival rates that a planner reckons with, requests/s. */
export interface Forecast {
  atMs: number;
  /** In order of time. The band holds seven of eight equally likely rates. */
  leads: { seconds: number; low: number; middle: number; high: number }[];
}

/** One transition of a machine, or an order within a state. */
export interface LogEntry {
  machine: 'planner' | 'worker';
  pool: string;
  /** null: a planner. */
  workerId: string | null;
  atMs: number;
  from: string;
  to: string;
  event: string;
  reason: string;
  numbers: Record<string, number | string | boolean | null>;
  order: { generation: number; prefill: number; decode: number } | null;
}

/** Highest floor that an operator may set, workers. */
export const MOST_WORKERS = 10_000;

export interface AuditEntry {
  atMs: number;
  /** Whose key it was; `local` where no keys are asked for. */
  who: string;
  /** A sentence: what was asked. */
  what: string;
  /** What came of it. */
  outcome: string;
}

/** What is kept of one moment, so that the page can draw and rewind. Short names: there are thousands of them. */
export interface Sample {
  /** Unix ms. */
  t: number;
  p: Record<string, PoolSample>;
}

export interface PoolSample {
  /** State of the planner. */
  s: PlannerState | null;
  /** Arrivals, requests/s. */
  in: number | null;
  run: number;
  wait: number;
  /** Ready and ordered workers of both roles. */
  ready: number;
  want: number | null;
  gpus: number;
  /** Watched percentile over the last minute, seconds. */
  ttft: number | null;
  itl: number | null;
  /** Attainment over the last minute, 0..1. */
  att: number | null;
  /** Forecast for the furthest lead: [seconds ahead, low, middle, high]. */
  f: [number, number, number, number] | null;
  /** State of each worker. */
  w: Record<string, string>;
}
