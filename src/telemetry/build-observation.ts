import type { Config, PoolConfig } from '../config/types.js';
import { newestSecond, type PoolObservation } from '../contract/observation.js';
import type { ScaleGrant } from '../contract/scale.js';
import type { Heartbeat } from '../contract/worker.js';
import type { QueueDepth } from './depth.js';
import { attainment, type EndCounters, type EndFigures, endedCount, meanLengths } from './figures.js';
import {
  coldStartSeconds,
  engineWaitingTokens,
  kvUsage,
  livingWorkers,
  oldestBeatSeconds,
  roleCounts,
} from './workers.js';
import { arrivalsAgeSeconds, knownArrivals, type SecondCounts, type Writer } from './writers.js';

/** What one observation is made of. */
export interface Sightings {
  nowMs: number;
  /** Workers that live. */
  workers: readonly Heartbeat[];
  depth: QueueDepth;
  writers: readonly Writer[];
  /** Unix second -> requests. */
  arrivals: SecondCounts;
  /** Mean ISL of each class of recent prompts, tokens; null: none seen. */
  prompts: readonly number[] | null;
  /** Requests that ended within the window. */
  ended: EndCounters & Record<'ttft' | 'itl', { quantile(q: number): number | null }>;
  grant: ScaleGrant | null;
  /** Unix ms; null: never heard. */
  allocatorBeatMs: number | null;
  /** Cold start measured before, seconds, for a pool that has no worker to measure now. */
  knownColdStartSeconds: number | null;
}

/** What was read from Redis for one observation. */
export interface Readings extends Omit<Sightings, 'workers' | 'ended'> {
  /** Values of the pool's hash of heartbeats. */
  heartbeats: readonly string[];
  ended: EndFigures;
}

/** First and last whole second whose arrivals an observation holds. */
export function arrivalRange(nowMs: number, windowSeconds: number): { first: number; last: number } {
  const last = newestSecond(nowMs);
  return { first: last - Math.max(1, Math.round(windowSeconds)) + 1, last };
}

/** Builds what a planner sees from what was read. What is not known is null, never zero. */
export function buildObservation(pool: PoolConfig, config: Config, readings: Readings): PoolObservation {
  const workers = livingWorkers(readings.heartbeats, readings.nowMs, config.worker.leaseSeconds);
  return observationOf(pool, config, { ...readings, workers });
}

/** The same from values: live and simulated planners see by this arithmetic. */
export function observationOf(pool: PoolConfig, config: Config, seen: Sightings): PoolObservation {
  const { nowMs, workers, depth, ended, writers, grant, allocatorBeatMs } = seen;
  const { planner } = config;
  // Loads older than the limit are missing; the workers still count until their lease has run out.
  const telling = workers.filter((beat) => nowMs - beat.atMs <= planner.telemetryStaleSeconds * 1000);
  const silent = workers.length > 0 && telling.length < workers.length;
  const { first, last } = arrivalRange(nowMs, planner.windowSeconds);
  const attained = attainment(ended);
  const percentile = pool.latencyPercentile / 100;
  return {
    id: `${pool.name}-${nowMs}`,
    pool: pool.name,
    atMs: nowMs,
    telemetryAgeSeconds: oldest(arrivalsAgeSeconds(writers, nowMs), oldestBeatSeconds(workers, nowMs)),
    allocatorAgeSeconds: allocatorBeatMs === null ? null : Math.max(0, nowMs - allocatorBeatMs) / 1000,
    queue: {
      prefillWaiting: depth.prefillWaiting,
      decodeWaiting: depth.decodeWaiting,
      waitingTokens: silent ? null : depth.waitingTokens + engineWaitingTokens(telling),
      lateWaiting: depth.lateWaiting,
      lateTokens: depth.lateTokens,
      oldestWaitSeconds: depth.oldestWaitSeconds,
    },
    workers: { prefill: roleCounts(workers, 'prefill'), decode: roleCounts(workers, 'vllm') },
    load: {
      arrivals: knownArrivals(writers, seen.arrivals, first, last, nowMs),
      running: depth.active,
      kvUsage: kvUsage(telling, depth.waitingKvTokens),
      ...meanLengths(ended),
      prompts: seen.prompts === null ? null : [...seen.prompts],
    },
    latency: {
      requests: endedCount(ended),
      ttftSeconds: ended.ttft.quantile(percentile),
      itlSeconds: ended.itl.quantile(percentile),
      violationShare: attained === null ? null : 1 - attained,
    },
    grant:
      grant === null ? null : { generation: grant.generation, ...grant.granted, shortage: grant.shortage },
    coldStartSeconds: coldStartSeconds(workers) ?? seen.knownColdStartSeconds,
  };
}

/** Arrivals are needed; workers there may be none. */
function oldest(arrivals: number | null, beats: number | null): number | null {
  return arrivals === null ? null : Math.max(arrivals, beats ?? 0);
}
