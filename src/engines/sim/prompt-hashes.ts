import { BLOCK_TOKENS } from './types.js';

const CHARACTERS_PER_TOKEN = 4;

/**
 * Chained hashes of a prompt's full blocks of 16 tokens, tokens counted as `estimateTokens` does: two prompts share
 * hash i exactly when they agree up to the end of block i (but for collisions of 52 bits). One pass over the text.
 */
export function promptHashes(prompt: string, seed: number): number[] {
  const hashes: number[] = [];
  let high = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b);
  let low = Math.imul(seed ^ 0x7f4a7c15, 0xc2b2ae35);
  let run = 0;
  let tokens = 0;
  for (let i = 0; i < prompt.length; i++) {
    const code = prompt.charCodeAt(i);
    if (code <= 32) {
      run = 0;
      continue;
    }
    if (run++ % CHARACTERS_PER_TOKEN === 0) {
      // The block is full when the token after it begins, so that its last token is whole.
      if (tokens > 0 && tokens % BLOCK_TOKENS === 0) hashes.push(combine(high, low));
      tokens++;
      high = Math.imul(high ^ 0x1f, 0x01000193);
    }
    high = Math.imul(high ^ code, 0x01000193);
    low = Math.imul(low ^ code, 0x5bd1e995) ^ (low >>> 15);
  }
  if (tokens > 0 && tokens % BLOCK_TOKENS === 0) hashes.push(combine(high, low));
  return hashes;
}

/** 52 bits, a safe integer. */
function combine(high: number, low: number): number {
  return (high >>> 12) * 2 ** 32 + (low >>> 0);
}

/** A 32-bit hash of a text. */
export function textHash(text: string, seed: number): number {
  let hash = seed ^ 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
