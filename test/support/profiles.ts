import type { Profile } from '../../src/profile/types.js';

/** A profile of round numbers, so that a test can show its arithmetic. */
export const roundProfile: Profile = {
  name: 'round',
  model: 'round',
  gpu: 'round',
  source: 'round numbers for tests',
  kvBytesPerToken: 100_000,
  weightBytes: 20e9,
  gpuMemoryBytes: 100e9,
  overheadBytesPerGpu: 5e9,
  transferBytesPerSecond: 40e9,
  tp: {
    1: { ttft: [0.01, 20e-6, 1e-9], itl: [0.004, 50e-6, 40e-9] },
    2: { ttft: [0.008, 10e-6, 0.5e-9], itl: [0.0025, 25e-6, 20e-9] },
  },
};

/** `roundProfile` with a KV cache of exactly `blocks` blocks of 16 tokens at TP 1 and utilisation 0.9. */
export function profileWithBlocks(blocks: number): Profile {
  return { ...roundProfile, weightBytes: 100e9 * 0.9 - 5e9 - blocks * 16 * 100_000 };
}
