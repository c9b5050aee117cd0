import { SluiceError } from '../../contract/errors.js';
import { BLOCK_TOKENS, type SimRequest } from './types.js';

// Apart from where they are thrown: there the compiler may make their texts ahead, for every request.

export function outOfRange({ isl, maxTokens, emitted }: SimRequest): SluiceError {
  return new SluiceError(
    'invalid_request',
    `expected isl >= 1 and maxTokens > emitted, got ${isl}, ${maxTokens} and ${emitted}`,
  );
}

export function tooLong({ isl, maxTokens }: SimRequest, blocks: number, totalBlocks: number): SluiceError {
  return new SluiceError(
    'prompt_too_long',
    `prompt of ${isl} and output of ${maxTokens} tokens need ${blocks} KV blocks of ${BLOCK_TOKENS} tokens, the engine ` +
      `has ${totalBlocks}; shorten the request or give the engine more memory`,
  );
}
