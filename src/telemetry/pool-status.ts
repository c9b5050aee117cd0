import type { Config, PoolConfig } from '../config/types.js';
import type { Lease, WorkerFailure } from '../contract/lease.js';
import type { ScaleGrant, ScaleOrder } from '../contract/scale.js';
import type { PoolStatus, ReplicaStatus, WindowStatus } from '../contract/status.js';
import type { TransitionRecord } from '../contract/transition.js';
import type { Heartbeat } from '../contract/worker.js';
import { tensorParallelEfficiency } from '../profile/law.js';
import type { Profile } from '../profile/types.js';
import type { PlannerTally } from './activity.js';
import { budgetStatus, type EndMark, endsOf } from './budget.js';
import type { QueueDepth } from './depth.js';
import { attainment, type EndFigures, endedCount, endFigures, latencyFigures } from './figures.js';
import { forecastStatus, holdsStatus } from './roles.js';
import { engineStatus, gpuUse, kvUsage, livingWorkers, roleCounts } from './workers.js';

/** What was read from Redis of one pool for its status. */
export interface PoolReadings {
  nowMs: number;
  heartbeats: readonly string[];
  depth: QueueDepth;
  minute: EndFigures;
  /** Seconds that `minute` really spans. */
  minuteSeconds: number;
  tenMinutes: EndFigures;
  /** What had ended an hour and a day ago; null: nothing yet. */
  hourAgo: EndMark | null;
  dayAgo: EndMark | null;
  /** Requests of each of the last seconds; null: no count. */
  arrivals: readonly (number | null)[];
  totals: Record<string, string>;
  grant: ScaleGrant | null;
  desired: ScaleOrder | null;
  leases: readonly Lease[];
  failures: readonly WorkerFailure[];
  gpuSeconds: number;
  /** The newest records, the newest last. */
  records: readonly TransitionRecord[];
  /** Of all records. */
  tally: PlannerTally;
  /** The planner's own beat; absent: none. */
  plannerBeat?: string | undefined;
  /** null: the engine has none. */
  profile: Profile | null;
}

/** Builds the status of one pool; the fields are defined in contract/status.ts. */
export function poolStatus(pool: PoolConfig, config: Config, read: PoolReadings): PoolStatus {
  const workers = livingWorkers(read.heartbeats, read.nowMs, config.worker.leaseSeconds);
  const leases = read.leases.filter((lease) => lease.pool === pool.name);
  const run = endFigures([read.totals]);
  const neededGpuSeconds = number(read.totals.busyGpuMs) / 1000;
  const heldGpuSeconds = number(read.totals.heldGpuMs) / 1000;
  const { busyGpus, heldGpus } = gpuUse(workers);
  const { activity, changes } = read.tally;
  const waiting = read.depth.prefillWaiting + read.depth.decodeWaiting;
  const { completed, failed, expired, cancelled, relegated } = run.counters;
  return {
    name: pool.name,
    level: pool.level,
    priority: pool.priority,
    description: pool.description,
    planner: {
      ...plannerStatus(read.records, activity.statesVisited),
      transitionCounts: changes,
      forecast: forecastStatus(read.plannerBeat, read.nowMs),
      holds: holdsStatus(read.plannerBeat),
    },
    engine: engineStatus(workers),
    workers: {
      desired: desiredReplicas(read),
      granted: read.grant?.granted ?? null,
      shortage: read.grant?.shortage ?? null,
      ready: replicas(workers, 'ready'),
      starting: replicas(workers, 'starting'),
      draining: replicas(workers, 'draining'),
      each: workers.map((beat) => workerStatus(beat, read.nowMs)),
      failures: read.failures.filter((failure) => failure.pool === pool.name),
    },
    gpus: leases.flatMap((lease) => lease.gpus).sort(),
    gpuCeiling: pool.gpuBudget.ceiling,
    queue: { waiting, running: read.depth.active, oldestWaitSeconds: read.depth.oldestWaitSeconds },
    arrivalsPerSecond: meanOf(read.arrivals),
    counts: {
      routed: number(read.totals.routed),
      refused: number(read.totals.rejected),
      active: waiting + read.depth.active,
      completed,
      failed,
      expired,
      cancelled,
      relegated,
    },
    tokens: { input: run.counters.isl, output: run.counters.osl },
    violationsAllowed: pool.violationsAllowed,
    targets: pool.targets,
    latencyPercentile: pool.latencyPercentile,
    minute: windowStatus(read.minute),
    tenMinutes: windowStatus(read.tenMinutes),
    run: windowStatus(run),
    budget: {
      minute: budgetStatus(endsOf(read.minute), null, pool.violationsAllowed),
      hour: budgetStatus(endsOf(run), read.hourAgo, pool.violationsAllowed),
      day: budgetStatus(endsOf(run), read.dayAgo, pool.violationsAllowed),
    },
    gpuSeconds: read.gpuSeconds,
    costUsd: (read.gpuSeconds / 3600) * config.pricing.usdPerGpuHour,
    scaling: {
      neededGpuSeconds,
      leasedGpuSeconds: read.gpuSeconds,
      efficiency: ratio(neededGpuSeconds, read.gpuSeconds),
      scaleUps: activity.scaleUps,
      scaleDowns: activity.scaleDowns,
      reversals: activity.reversals,
    },
    utilization: { now: ratio(busyGpus, heldGpus), run: ratio(neededGpuSeconds, heldGpuSeconds) },
    tensorParallel: tensorParallel(pool, workers, heldGpus, read),
  };
}

/** part / whole, at most 1 (both are measured, so rounding could pass it); null when there is no whole. */
export function ratio(part: number, whole: number): number | null {
  return whole > 0 ? Math.min(1, part / whole) : null;
}

/** Mean of the known; null: none is known. */
function meanOf(counts: readonly (number | null)[]): number | null {
  const known = counts.filter((count) => count !== null);
  return known.length === 0 ? null : known.reduce((sum, count) => sum + count, 0) / known.length;
}

function windowStatus(figures: EndFigures): WindowStatus {
  return {
    requests: endedCount(figures),
    attainment: attainment(figures),
    ttftSeconds: latencyFigures(figures.ttft, figures.counters.ttftUs),
    itlSeconds: latencyFigures(figures.itl, figures.counters.itlUs),
  };
}

function plannerStatus(
  records: readonly TransitionRecord[],
  statesVisited: PoolStatus['planner']['statesVisited'],
): Omit<PoolStatus['planner'], 'transitionCounts' | 'forecast' | 'holds'> {
  const last = records.at(-1);
  // An order within a state is recorded too: the state began at the last record that changed it.
  const entered = records.findLast((record) => record.from !== record.to) ?? records.at(0);
  return {
    state: last?.to ?? null,
    sinceMs: entered?.atMs ?? null,
    transitions: records.map(({ atMs, from, to, event, reason }) => ({ atMs, from, to, event, reason })),
    statesVisited,
  };
}

/** The planner's newest order may not have reached the allocator yet. */
function desiredReplicas(read: PoolReadings): ReplicaStatus | null {
  const ordered = read.records.findLast((record) => record.order !== null)?.order ?? null;
  const newest =
    ordered !== null && ordered.generation > (read.desired?.generation ?? 0) ? ordered : read.desired;
  return newest === null ? null : { prefill: newest.prefill, decode: newest.decode };
}

function replicas(workers: readonly Heartbeat[], state: 'ready' | 'starting' | 'draining'): ReplicaStatus {
  return { prefill: roleCounts(workers, 'prefill')[state], decode: roleCounts(workers, 'vllm')[state] };
}

function workerStatus(beat: Heartbeat, nowMs: number): PoolStatus['workers']['each'][number] {
  return {
    id: beat.workerId,
    role: beat.role,
    state: beat.state,
    gpus: beat.gpus,
    running: beat.activeRequests,
    kvUsage: kvUsage([{ ...beat, role: 'vllm', state: 'ready' }], 0),
    ageSeconds: Math.max(0, nowMs - beat.atMs) / 1000,
    engineLog: beat.engineLog ?? [],
  };
}

function tensorParallel(
  pool: PoolConfig,
  workers: readonly Heartbeat[],
  heldGpus: number,
  read: PoolReadings,
): PoolStatus['tensorParallel'] {
  const decoders = workers.filter((worker) => worker.role === 'vllm');
  const configured = pool.tensorParallelism.decode;
  const degree = decoders.at(0)?.tp ?? (configured === 'auto' ? null : configured);
  const rate = read.minute.counters.osl / read.minuteSeconds;
  return {
    degree,
    tokensPerSecondPerGpu: heldGpus > 0 ? rate / heldGpus : null,
    efficiency:
      degree === null || read.profile === null ? null : lawEfficiency(read.profile, degree, decoders, pool),
  };
}

/** By the profile's law, at the mean batch of the workers that run something; at one expected request when none does. */
function lawEfficiency(
  profile: Profile,
  degree: number,
  decoders: readonly Heartbeat[],
  pool: PoolConfig,
): number | null {
  if (profile.tp[degree] === undefined) return null;
  const loads = decoders.flatMap(({ load }) => (load !== null && load.runningSequences > 0 ? [load] : []));
  const mean = (total: number) => total / loads.length;
  if (loads.length === 0) {
    return tensorParallelEfficiency(profile, degree, 1, pool.expected.isl + pool.expected.osl / 2);
  }
  const batch = mean(loads.reduce((sum, load) => sum + load.runningSequences, 0));
  const kvTokens = mean(loads.reduce((sum, load) => sum + load.usedKvBlocks * load.blockTokens, 0));
  return tensorParallelEfficiency(profile, degree, batch, kvTokens);
}

function number(text: string | undefined): number {
  const value = Number(text ?? 0);
  return Number.isFinite(value) ? value : 0;
}
