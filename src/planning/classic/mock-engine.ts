import { pythonMax } from './python.js';

/**
 * Dynamo's reference mock engine (mocker perf_model.rs, `Polynomial`): milliseconds of a prefill of `newTokens` prompt
 * tokens that are not in the cache, 0 for none: 4.209989e-7 n^2 + 1.518344e-2 n + 16.50142.
 */
export function mockPrefillMs(newTokens: number): number {
  if (newTokens === 0) return 0;
  return pythonMax(0, 4.209989e-7 * newTokens ** 2 + 1.518344e-2 * newTokens + 1.650142e1);
}

/** Milliseconds of a decode step at a share 0..1 of the KV cache in use, at least 1: -25.74 u^2 + 54.01 u + 5.74. */
export function mockDecodeMs(activeKvFraction: number): number {
  return pythonMax(1, -25.74 * activeKvFraction ** 2 + 54.01 * activeKvFraction + 5.74);
}
