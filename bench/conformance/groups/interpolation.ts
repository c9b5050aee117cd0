import { z } from 'zod';
import { bestDecodePoint, decodePoint } from '../../../src/planning/classic/decode-point.js';
import type { DecodeCell } from '../../../src/profile/tables/decode.js';
import { number } from '../cases.js';
import { type Group, group } from './group.js';

const profile = z.string().min(1);

export const prefillInterpolation: Group = group(
  z.object({ profile, isl: number }),
  (inputs, { profiles }) => {
    const { prefill } = profiles.get(inputs.profile);
    return {
      ttft_ms: prefill.ttftMs(inputs.isl),
      thpt_per_gpu: prefill.recordedThroughputPerGpu(inputs.isl),
    };
  },
);

export const decodeInterpolation: Group = group(
  z.object({ profile, concurrency: number, context_length: number }),
  (inputs, { profiles }) =>
    cellFields(decodePoint(profiles.get(inputs.profile).grid, inputs.concurrency, inputs.context_length)),
);

export const decodeBest: Group = group(
  z.object({ profile, itl_target_ms: number, context_length: number }),
  (inputs, { profiles }) =>
    cellFields(
      bestDecodePoint(profiles.get(inputs.profile).grid, inputs.itl_target_ms, inputs.context_length),
    ),
);

function cellFields(cell: DecodeCell | null): Record<string, unknown> {
  return {
    itl_ms: cell?.itlMs ?? null,
    thpt_per_gpu: cell?.throughputPerGpu ?? null,
    kv_usage: cell?.kvUsage ?? null,
  };
}
