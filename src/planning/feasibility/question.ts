import type { workerCapacityRps } from '../../profile/capacity.js';
import type { Profile } from '../../profile/types.js';
import type { Replicas } from '../replicas.js';

/** Prompt and output of one request, tokens, both 1 or more. */
export interface Lengths {
  isl: number;
  osl: number;
}

/** Whether a pool can keep its promise at all: its engine, its means, its promise, its load. */
export interface FeasibilityQuestion {
  profile: Profile;
  /** GPUs per worker, by role. */
  tp: Replicas;
  disaggregated: boolean;
  /** GPUs that the pool may hold. */
  gpuCeiling: number;
  maxWorkers: number;
  /** 0..1 */
  gpuMemoryUtilization: number;
  maxSequences: number;
  /** Token budget of one step. */
  maxBatchedTokens: number;
  targets: { ttftSeconds: number; itlSeconds: number };
  /** 0..1: under load, means are held within target x buffer, the rest is for the tail. */
  buffer: number;
  /** 0..100: the percentile that is watched. */
  latencyPercentile: number;
  /** 0..1 of requests that may miss. */
  violationsAllowed: number;
  /** Requests like those to come, at least one; the cost of an answer rises with their number. */
  sample: readonly Lengths[];
  /** Requests/s to come; null: unknown, and load is left out of the answer. */
  rps: number | null;
}

/** Requests/s that one worker sustains within its targets; 0: not even a lone request meets them. */
export type WorkerCapacity = typeof workerCapacityRps;

/** One reason why the promise cannot be kept, with both sides of it. */
export type Shortfall =
  /** The KV cache of a worker cannot hold a request of the watched percentile, or not even the model fits. */
  | { kind: 'memory'; tp: number; needTokens: number; haveTokens: number }
  /** At the watched percentile, alone on an idle worker. */
  | { kind: 'ttft'; tp: number; isl: number; seconds: number; targetSeconds: number }
  | { kind: 'itl'; tp: number; seconds: number; targetSeconds: number }
  /** `gpusNeeded` null: a worker at this TP sustains nothing, so no number of them does. */
  | { kind: 'load'; rps: number; capacityRps: number; gpus: number; gpusNeeded: number | null };

/** What would make it feasible, everything else unchanged; `gpus`: budget that it takes. */
export type Remedy =
  | { kind: 'tp'; tp: number; gpus: number }
  | { kind: 'budget'; tp: number; gpus: number }
  /** Targets that this profile, TP and budget would keep; null: as it is. */
  | { kind: 'target'; ttftSeconds: number | null; itlSeconds: number | null };

export interface Feasibility {
  feasible: boolean;
  shortfalls: Shortfall[];
  /** 0..1 of the sample that cannot meet the targets even alone on an idle worker; nothing is scaled for them. */
  hopelessShare: number;
  /** The longest prompt that meets the TTFT target alone, tokens; 0: none. */
  longestIsl: number;
  /** At the watched percentile, alone on an idle worker. */
  unloaded: { isl: number; ttftSeconds: number; itlSeconds: number };
  /** Requests/s of the others that the whole budget sustains; 0: none. */
  capacityRps: number;
  /** GPUs that the load takes; null: load unknown, or no number is enough. */
  gpusNeeded: number | null;
}
