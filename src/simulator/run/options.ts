import type { Config } from '../../config/types.js';
import type { TransitionRecord } from '../../contract/transition.js';
import type { WorkerRole } from '../../contract/worker.js';
import type { Profile } from '../../profile/types.js';
import type { TimedRequest } from '../workload/arrivals.js';
import type { Fault } from './faults.js';
import type { Scaler, ScalerInput } from './scaler.js';
import type { JobEnd } from './tally.js';

/** What of a pool cannot be known without reading files: its engine's profile and its GPUs per worker. */
export interface PoolEngine {
  profile: Profile;
  tp: Record<WorkerRole, number>;
}

export interface SimulateOptions {
  config: Config;
  engines: Readonly<Record<string, PoolEngine>>;
  /** In order of time; read as virtual time comes to them. */
  requests: Iterable<TimedRequest>;
  faults?: readonly Fault[];
  /** Run at least so long, seconds; requests that come later are left out. Absent: to the end of the requests. */
  durationSeconds?: number | undefined;
  /** So long from the load's begin nothing is counted: what is judged is a system at work. Faults count from its end. */
  warmUpSeconds?: number | undefined;
  /** From acceptance until a worker in line has the request, seconds: what queue and network take live. Default 0. */
  dispatchSeconds?: number;
  /** The floors start together with the load, instead of being ready when it begins. */
  coldBegin?: boolean;
  /** Length of an interval of the time series, seconds. Default 60. */
  intervalSeconds?: number;
  /** So long without a sign after the last request, and what is open counts as lost, seconds. Default 600. */
  graceSeconds?: number;
  /** Who scales each pool; default: Sluice's planner. */
  scaler?: (input: ScalerInput) => Scaler;
  onRecord?: (record: TransitionRecord) => void;
  /** Told of each counted request that ended. The same object comes again and again: take out what you keep. */
  onEnd?: (end: Readonly<JobEnd>, pool: string) => void;
  /** Every plan of the slow loop and every transition. */
  onDecision?: (record: TransitionRecord) => void;
  /** Called about once for each interval of the series. */
  onProgress?: (progress: SimProgress) => void;
  /** Asked about once for each interval: true ends the run there, with what has been counted so far. */
  giveUp?: (pools: Readonly<Record<string, Counted>>) => boolean;
}

/** What has been counted of one pool so far. */
export interface Counted {
  requests: number;
  /** Ended without meeting their SLO. */
  missed: number;
  /** Of those that are counted, so many at least wait in a queue without a first token. */
  waiting: number;
}

export interface SimProgress {
  /** Since counting began, virtual seconds. */
  atSeconds: number;
  requests: number;
  open: number;
}
