import { SluiceError } from '../../contract/errors.js';
import type { PlannerStart, PlannerStep } from '../../telemetry/activity.js';
import type { SimulateOptions } from './options.js';
import type { SeriesRow } from './series.js';
import { SimSystem } from './system.js';
import type { RunTally } from './tally.js';

/** What came of one pool. */
export interface PoolResult {
  tally: ReturnType<RunTally['result']>;
  /** Goodput weighed by tokens: 0..1 of all prompt and output tokens that belong to requests within their SLO. */
  tokenAttainment: number;
  figures: { gpuSeconds: number; maxGpus: number; start: PlannerStart; steps: readonly PlannerStep[] };
  series: SeriesRow[];
}

export interface SimResult {
  pools: Record<string, PoolResult>;
  /** Most GPUs leased at one moment over all pools. */
  maxGpus: number;
  /** Virtual seconds from the load's start to its end. */
  wallSeconds: number;
  /** Events that the run took. */
  events: number;
}

/**
 * Simulates a whole system in virtual time: the live machines, decisions, queue order, ledger and engine core under a
 * clock that jumps from event to event. The same options give the same result. docs/simulator.md.
 * Errors: `invalid_config` where the engines do not fit, `unknown_level` for a request whose level no pool serves,
 * `internal` when an invariant breaks.
 */
export function simulate(options: SimulateOptions): SimResult {
  const { durationSeconds } = options;
  if (durationSeconds !== undefined && !(durationSeconds > 0))
    throw new SluiceError('invalid_request', `expected a duration above 0 s, got ${durationSeconds}`);
  return new SimSystem(options).run();
}
