import { kvCapacityTokens } from '../../profile/capacity.js';
import { fitLaw } from '../../profile/tables/fit.js';
import { findSuspects } from '../../profile/tables/suspects.js';
import {
  type DecodeSweep,
  decodePoint,
  interferenceShare,
  VLLM_BATCHED_TOKENS,
  VLLM_SEQUENCES,
} from '../../profile/tables/sweep.js';
import type { MeasuredTable } from '../../profile/tables/types.js';
import type { Profile } from '../../profile/types.js';
import { loneTtftSeconds, type SweepEngine, sweepPoint } from './engine.js';

/** Share of the measured value by which the sim engine is off: 0.05 is 5 %. */
export interface SweepError {
  points: number;
  meanAbsolute: number;
  worst: number;
}

export interface SweepErrors {
  ttft: SweepError;
  itl: SweepError;
  /** Output tokens/s of the decode points. */
  throughput: SweepError;
}

/** One measured point and what the sim engine gave. Latencies in seconds. */
export interface CheckedPoint {
  kind: 'ttft' | 'itl';
  /** ISL of a prefill point, context of a decode point, tokens. */
  tokens: number;
  batch: number;
  measuredSeconds: number;
  simulatedSeconds: number;
  /** Simulated over measured output tokens/s; null at a prefill point. */
  throughputRatio: number | null;
  /** Why the point is not trusted; null: it is. */
  suspect: string | null;
}

export interface TableCheck {
  table: string;
  source: string;
  profile: string;
  tp: number;
  engine: { maxSequences: number; maxBatchedTokens: number; kvTokens: number };
  sweep: DecodeSweep;
  /** What of the measured ITL is the prompts of other requests, mean, 0..1: a steady batch decodes that much faster. */
  promptsShare: number;
  /** Over all points, and over those that nothing speaks against. */
  all: SweepErrors;
  trusted: SweepErrors;
  points: CheckedPoint[];
}

/**
 * Drives a sim engine on `profile` through the sweep that made the table: each prompt length alone, then each decode
 * point's requests all at once, with prompts cached or computed as the table's throughput says they were. The engine
 * has the table's KV cache and vLLM's limits.
 * @throws SluiceError invalid_config where the profile has no law for `tp`.
 */
export function checkTable(table: MeasuredTable, profile: Profile, tp: number): TableCheck {
  const { sweep, ttft } = fitLaw(table, { maxBatch: VLLM_SEQUENCES });
  const engine = engineOf(table, profile, tp);
  const suspects = findSuspects(table, VLLM_SEQUENCES);
  const { prefill, decode } = table;
  const points: CheckedPoint[] = prefill.isl.map((isl, i) => ({
    kind: 'ttft',
    tokens: isl,
    batch: 1,
    measuredSeconds: (prefill.ttftMs[i] ?? 0) / 1000,
    simulatedSeconds: loneTtftSeconds(engine, isl),
    throughputRatio: null,
    suspect: suspects.prefill.get(i) ?? null,
  }));
  decode.kvUsage.forEach((_, i) => {
    const { batch, isl, itlMs, throughput } = decodePoint(table, i);
    const result = sweepPoint(engine, {
      batch,
      isl,
      osl: sweep.osl,
      promptsCached: !sweep.promptsComputed,
    });
    points.push({
      kind: 'itl',
      tokens: decode.contextLength[i] ?? 0,
      batch,
      measuredSeconds: itlMs / 1000,
      simulatedSeconds: result.itlSeconds,
      throughputRatio: result.tokensPerSecond / (throughput * sweep.gpus),
      suspect: suspects.decode.get(i) ?? null,
    });
  });
  return {
    table: table.name,
    source: table.source,
    profile: profile.name,
    tp,
    engine: {
      maxSequences: engine.maxSequences,
      maxBatchedTokens: engine.maxBatchedTokens,
      kvTokens: kvCapacityTokens(profile, tp, engine.gpuMemoryUtilization),
    },
    sweep,
    promptsShare: interferenceShare(table, sweep, ttft),
    all: errorsOf(points),
    trusted: errorsOf(points.filter(({ suspect }) => suspect === null)),
    points,
  };
}

/** The utilisation (beyond 1 where the table claims more memory than the profile) that gives the table's KV cache. */
function engineOf({ decode }: MeasuredTable, profile: Profile, tp: number): SweepEngine {
  const { kvBytesPerToken, weightBytes, gpuMemoryBytes, overheadBytesPerGpu } = profile;
  // Half a token more, so that rounding down does not lose one.
  const perGpu = ((decode.maxKvTokens + 0.5) * kvBytesPerToken + weightBytes) / tp;
  return {
    profile,
    tp,
    gpuMemoryUtilization: (perGpu + overheadBytesPerGpu) / gpuMemoryBytes,
    maxSequences: VLLM_SEQUENCES,
    maxBatchedTokens: VLLM_BATCHED_TOKENS,
  };
}

function errorsOf(points: readonly CheckedPoint[]): SweepErrors {
  const misses = (kind: CheckedPoint['kind']) =>
    points
      .filter((point) => point.kind === kind)
      .map((point) => Math.abs(point.simulatedSeconds / point.measuredSeconds - 1));
  const throughput = points.flatMap(({ throughputRatio }) =>
    throughputRatio === null ? [] : [Math.abs(throughputRatio - 1)],
  );
  return { ttft: errorOf(misses('ttft')), itl: errorOf(misses('itl')), throughput: errorOf(throughput) };
}

function errorOf(misses: readonly number[]): SweepError {
  const total = misses.reduce((sum, miss) => sum + miss, 0);
  return {
    points: misses.length,
    meanAbsolute: misses.length === 0 ? 0 : total / misses.length,
    worst: Math.max(0, ...misses),
  };
}
