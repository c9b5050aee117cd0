import { SluiceError } from '../../contract/errors.js';
import { kvCapacityTokens } from '../../profile/capacity.js';
import { BLOCK_TOKENS, type SimOptions } from './types.js';

/**
 * KV blocks and tokens under one prompt hash that the options give.
 * @throws SluiceError invalid_config where the options leave no KV block or contradict each other.
 */
export function memoryOf(options: SimOptions): { blocks: number; span: number } {
  const { profile, tp, gpuMemoryUtilization, maxSequences, maxBatchedTokens } = options;
  const span = options.hashSpanTokens ?? BLOCK_TOKENS;
  const blocks = Math.floor(kvCapacityTokens(profile, tp, gpuMemoryUtilization) / BLOCK_TOKENS);
  expect(
    blocks > 0,
    `profile ${profile.name} at TP ${tp} and memory utilisation ${gpuMemoryUtilization} leaves no room for KV cache`,
  );
  expect(
    maxSequences >= 1 && maxBatchedTokens >= maxSequences,
    `expected maxBatchedTokens >= maxSequences >= 1, got ${maxBatchedTokens} and ${maxSequences}`,
  );
  expect(span > 0 && span % BLOCK_TOKENS === 0, `expected hashSpanTokens a multiple of 16, got ${span}`);
  return { blocks, span };
}

function expect(holds: boolean, message: string): void {
  if (!holds) throw new SluiceError('invalid_config', `sim engine: ${message}`);
}
