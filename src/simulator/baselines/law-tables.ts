import type { ClassicProfile } from '../../planning/classic/replicas.js';
import { itlSeconds, ttftSeconds } from '../../profile/law.js';
import type { DecodeGrid } from '../../profile/tables/types.js';
import type { Profile } from '../../profile/types.js';

const RESOLUTION = 100;

/**
 * What Dynamo's profiler would have measured on an engine that obeys a step-time law: TTFT and prompt tokens/s of a lone
 * prompt, ITL and output tokens/s of a steady batch on a grid of KV usage and context length, the latter up to
 * `longestContext` tokens. Milliseconds and tokens/s and GPU, as that planner reads them.
 */
export function classicProfileOf(
  profile: Profile,
  tp: { prefill: number; decode: number },
  maxKvTokens: number,
  longestContext: number,
): ClassicProfile {
  const throughputPerGpu = (isl: number) => isl / ttftSeconds(profile, tp.prefill, isl) / tp.prefill;
  return {
    prefill: {
      ttftMs: (isl) => ttftSeconds(profile, tp.prefill, isl) * 1000,
      throughputPerGpu,
      recordedThroughputPerGpu: throughputPerGpu,
      inHull: () => true,
    },
    grid: decodeGridOf(profile, tp.decode, maxKvTokens, longestContext),
  };
}

function decodeGridOf(profile: Profile, tp: number, maxKvTokens: number, longestContext: number): DecodeGrid {
  const axis = (last: number) => Array.from({ length: RESOLUTION }, (_, i) => (i * last) / (RESOLUTION - 1));
  const kvUsage = axis(1);
  const contextLength = axis(longestContext);
  const cells = contextLength.map((context) =>
    kvUsage.map((usage) => {
      const kvTokens = usage * maxKvTokens;
      const batch = kvTokens / Math.max(1, context);
      const seconds = itlSeconds(profile, tp, batch, kvTokens);
      return { itlMs: seconds * 1000, throughput: batch / seconds / tp };
    }),
  );
  return {
    kvUsage,
    contextLength,
    itlMs: cells.map((row) => row.map(({ itlMs }) => itlMs)),
    throughputPerGpu: cells.map((row) => row.map(({ throughput }) => throughput)),
    maxKvTokens,
  };
}
