import { median } from './robust.js';
import type { MeasuredTable } from './types.js';

/**
 * How the decode points were measured: at each, `batch` requests of equal length are sent at once, and the mean ITL of
 * all of them is the point (NVIDIA Dynamo, benchmarks/profiler/utils/profile_decode.py: 500 output tokens, context =
 * ISL + OSL / 2). A first pass of the same prompts shall fill the prefix cache, so that no prompt is computed while
 * others decode (docs/benchmarks/pre_deployment_profiling.md). Where that failed, the ITL contains the others' prompts.
 */
export interface DecodeSweep {
  /** Output tokens of each request. */
  osl: number;
  /** GPUs of the engine, as the least loaded point's throughput says. */
  gpus: number;
  /**
   * Time to the first token that the throughput leaves, against what computing all prompts one after another takes; median
   * over the points of long prompts. Near 0: they were in the prefix cache; near 1: they were computed. null: no such point.
   */
  promptShare: number | null;
  promptsComputed: boolean;
}

/** Milliseconds: TTFT(n) = a0 + a1 n + a2 n^2. */
export type TtftMs = readonly [a0: number, a1: number, a2: number];

const SWEEP_OSL = 500;
/** vLLM's token budget of a step and cap of sequences on GPUs of 70 GiB or more, for its server (0.10). */
export const VLLM_BATCHED_TOKENS = 8192;
export const VLLM_SEQUENCES = 1024;

/** Below, many prompts share a step and the client's own pace shows; the share is not read off them. */
const LONG_PROMPT = 1000;
/** Shares within are prompts that were computed; beyond, the throughput column is of something else. */
const COMPUTED = { from: 0.6, to: 1.6 };

/**
 * Reads off the throughput column whether the sweep computed its prompts. All requests of a point take
 * batch x OSL / throughput; less OSL - 1 mean gaps, that is the mean time to a first token, which is
 * a0 + w (batch + 1) / 2 where prompts of w each are computed one after another.
 */
export function examineSweep(table: MeasuredTable, ttft: TtftMs): DecodeSweep {
  const gpus = engineGpus(table);
  const { decode } = table;
  const shares: number[] = [];
  decode.kvUsage.forEach((_, i) => {
    const { batch, isl, itlMs, throughput } = decodePoint(table, i);
    if (isl < LONG_PROMPT || batch > VLLM_SEQUENCES) return;
    const totalMs = (1000 * batch * SWEEP_OSL) / (throughput * gpus);
    const firstMs = totalMs - (SWEEP_OSL - 1) * itlMs;
    shares.push(firstMs / (ttft[0] + promptMs(ttft, isl) * ((batch + 1) / 2)));
  });
  const promptShare = shares.length === 0 ? null : median(shares);
  const promptsComputed = promptShare !== null && promptShare >= COMPUTED.from && promptShare <= COMPUTED.to;
  return { osl: SWEEP_OSL, gpus, promptShare, promptsComputed };
}

/** One decode point in the terms of its run. `isl` is at least 1. */
export interface DecodePoint {
  batch: number;
  kvTokens: number;
  isl: number;
  itlMs: number;
  /** Output tokens/s and GPU. */
  throughput: number;
}

export function decodePoint({ decode }: MeasuredTable, i: number): DecodePoint {
  const context = decode.contextLength[i] ?? 1;
  const kvTokens = (decode.kvUsage[i] ?? 0) * decode.maxKvTokens;
  return {
    // A whole number of sequences, give or take the digits of the recorded usage.
    batch: Math.max(1, Math.round(kvTokens / context)),
    kvTokens,
    isl: Math.max(1, Math.round(context - SWEEP_OSL / 2)),
    itlMs: decode.itlMs[i] ?? 0,
    throughput: decode.throughputPerGpu[i] ?? 0,
  };
}

/**
 * What the prompts of the others add to a mean ITL when `batch` prompts are computed in order, ms a token: each request
 * waits for those behind it, of which the first step takes as many as fit its token budget. 0 for cached prompts.
 */
export function interferenceMs(sweep: DecodeSweep, ttft: TtftMs, batch: number, isl: number): number {
  return promptMs(ttft, isl) * promptsPerGap(sweep, batch, isl);
}

/** As `interferenceMs`, in prompts. */
export function promptsPerGap(sweep: DecodeSweep, batch: number, isl: number): number {
  if (!sweep.promptsComputed) return 0;
  const together = Math.max(1, Math.floor(VLLM_BATCHED_TOKENS / isl));
  return Math.max(0, batch - together) / 2 / (sweep.osl - 1);
}

/** What of the measured ITLs is the computation of others' prompts, mean over the decode points, 0..1. `ttft` in seconds. */
export function interferenceShare(table: MeasuredTable, sweep: DecodeSweep, ttft: TtftMs): number {
  const ms: TtftMs = [1000 * ttft[0], 1000 * ttft[1], 1000 * ttft[2]];
  const shares = table.decode.kvUsage.map((_, i) => {
    const { batch, isl, itlMs } = decodePoint(table, i);
    return interferenceMs(sweep, ms, batch, isl) / itlMs;
  });
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

/** Steps beyond the first that a lone prompt takes for want of token budget. */
export function furtherSteps(isl: number): number {
  return Math.ceil(isl / VLLM_BATCHED_TOKENS) - 1;
}

function promptMs([, a1, a2]: TtftMs, isl: number): number {
  return a1 * isl + a2 * isl * isl;
}

/** Tokens/s of the engine over tokens/s and GPU at the least loaded point, where nobody waits. */
function engineGpus({ decode }: MeasuredTable): number {
  let least = 0;
  decode.kvUsage.forEach((usage, i) => {
    if (usage < (decode.kvUsage[least] ?? 0)) least = i;
  });
  const context = decode.contextLength[least] ?? 1;
  const batch = Math.max(1, Math.round(((decode.kvUsage[least] ?? 0) * decode.maxKvTokens) / context));
  const perGpu = decode.throughputPerGpu[least] ?? 1;
  return Math.max(1, Math.round((1000 * batch) / ((decode.itlMs[least] ?? 1) * perGpu)));
}
