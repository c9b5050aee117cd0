import type { EngineStatus } from '../contract/status.js';
import { type EngineLoad, type Heartbeat, heartbeatSchema, type WorkerRole } from '../contract/worker.js';
import { parseStored } from '../gpu/stored.js';

export interface RoleCounts {
  starting: number;
  ready: number;
  draining: number;
}

/**
 * Heartbeats of workers that live: heard within the lease time (after it their GPUs are taken back) and not ended.
 * @param stored JSON texts; what does not parse is left out.
 */
export function livingWorkers(stored: readonly string[], nowMs: number, leaseSeconds: number): Heartbeat[] {
  return living(
    stored.flatMap((text) => parseStored(heartbeatSchema, text) ?? []),
    nowMs,
    leaseSeconds,
  );
}

/** Those of the heartbeats that are of living workers. */
export function living(beats: readonly Heartbeat[], nowMs: number, leaseSeconds: number): Heartbeat[] {
  return beats.filter(
    ({ state, atMs }) => state !== 'stopped' && state !== 'failed' && nowMs - atMs <= leaseSeconds * 1000,
  );
}

export function roleCounts(workers: readonly Heartbeat[], role: WorkerRole): RoleCounts {
  const inState = (state: Heartbeat['state']) =>
    workers.filter((worker) => worker.role === role && worker.state === state).length;
  return { starting: inState('starting'), ready: inState('ready'), draining: inState('draining') };
}

/** Prompt tokens inside engines that wait for their prefill. */
export function engineWaitingTokens(workers: readonly Heartbeat[]): number {
  return workers.reduce((sum, worker) => sum + (worker.load?.waitingPrefillTokens ?? 0), 0);
}

/**
 * KV demand over the KV capacity of ready decode workers: blocks in use, plus what waits in their engines, plus
 * `queuedTokens` that wait in the queue because no engine has room. Above 1 when more is asked than fits.
 * null: no ready worker has told its load.
 */
export function kvUsage(workers: readonly Heartbeat[], queuedTokens: number): number | null {
  let used = queuedTokens;
  let total = 0;
  for (const worker of workers) {
    if (worker.role !== 'vllm' || worker.state !== 'ready' || worker.load === null) continue;
    const { usedKvBlocks, totalKvBlocks, blockTokens, waitingPrefillTokens } = worker.load;
    used += usedKvBlocks * blockTokens + waitingPrefillTokens;
    total += totalKvBlocks * blockTokens;
  }
  return total === 0 ? null : used / total;
}

/** What the engines told, added up. */
export function engineStatus(workers: readonly Heartbeat[]): EngineStatus {
  const loads = workers.flatMap(({ load }) => load ?? []);
  const sum = (of: (load: EngineLoad) => number) => loads.reduce((total, load) => total + of(load), 0);
  const hits = loads.flatMap(({ prefixHitRate }) => prefixHitRate ?? []);
  const blocks = sum((load) => load.totalKvBlocks);
  return {
    runningSequences: sum((load) => load.runningSequences),
    waitingSequences: sum((load) => load.waitingSequences),
    maxSequences: sum((load) => load.maxSequences),
    waitingPrefillTokens: sum((load) => load.waitingPrefillTokens),
    kvUsage: blocks === 0 ? null : Math.min(1, sum((load) => load.usedKvBlocks) / blocks),
    prefixHitRate: hits.length === 0 ? null : hits.reduce((total, rate) => total + rate, 0) / hits.length,
    preemptions: sum((load) => load.preemptions),
  };
}

/** 0..1: how much of a worker's capacity is in use, by sequences or by KV blocks, whichever is scarcer. */
function busyShare({ load }: Heartbeat): number {
  if (load === null) return 0;
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  const sequences = share(load.runningSequences + load.waitingSequences, load.maxSequences);
  return Math.min(1, Math.max(sequences, share(load.usedKvBlocks, load.totalKvBlocks)));
}

/** GPUs in use and GPUs held, over living workers: a worker of TP 2 that is half busy uses one of its two. */
export function gpuUse(workers: readonly Heartbeat[]): { busyGpus: number; heldGpus: number } {
  let busyGpus = 0;
  let heldGpus = 0;
  for (const worker of workers) {
    heldGpus += worker.tp;
    busyGpus += worker.tp * busyShare(worker);
  }
  return { busyGpus, heldGpus };
}

/** Age of the oldest heartbeat, seconds; null: no worker. */
export function oldestBeatSeconds(workers: readonly Heartbeat[], nowMs: number): number | null {
  if (workers.length === 0) return null;
  return Math.max(0, nowMs - Math.min(...workers.map((worker) => worker.atMs))) / 1000;
}

/** Mean seconds from process start to ready, over workers that became ready; null: none. */
export function coldStartSeconds(workers: readonly Heartbeat[]): number | null {
  const seconds = workers.flatMap(({ readyAtMs, startedAtMs }) =>
    readyAtMs === null ? [] : [Math.max(0, readyAtMs - startedAtMs) / 1000],
  );
  return seconds.length === 0 ? null : seconds.reduce((sum, value) => sum + value, 0) / seconds.length;
}
