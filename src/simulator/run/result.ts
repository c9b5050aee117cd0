import type { PlannerStart, PlannerStep } from '../../telemetry/activity.js';
import type { SeriesRow } from './series.js';
import type { RunTally } from './tally.js';

/** What came of one pool. */
export interface PoolResult {
  tally: ReturnType<RunTally['result']>;
  /** Latencies that as many of the completed requests as the level must have in time do not exceed. */
  atRequiredShare: ReturnType<RunTally['latencyAt']>;
  figures: { gpuSeconds: number; maxGpus: number; start: PlannerStart; steps: readonly PlannerStep[] };
  series: SeriesRow[];
}

export interface SimResult {
  pools: Record<string, PoolResult>;
  /** Most GPUs leased at one moment over all pools. */
  maxGpus: number;
  /** Virtual seconds from the load's start to its end. */
  wallSeconds: number;
  /** When the load began on the clock of the planners' steps, virtual ms. */
  beganAtMs: number;
  /** Events that the run took. */
  events: number;
}
