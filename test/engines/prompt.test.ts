import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { estimateTokens } from '../../src/contract/tokens.js';
import { placeholderToken } from '../../src/engines/sim/placeholder.js';
import { promptHashes, textHash } from '../../src/engines/sim/prompt-hashes.js';

const word = fc.string({ minLength: 1, maxLength: 9, unit: fc.constantFrom('a', 'b', 'c') });
const prompt = fc.array(word, { minLength: 1, maxLength: 80 }).map((words) => words.join(' '));

describe('prompt hashes', () => {
  it('number the full blocks of 16 estimated tokens', () => {
    fc.assert(
      fc.property(prompt, (text) => {
        expect(promptHashes(text, 1)).toHaveLength(Math.floor(estimateTokens(text) / 16));
      }),
    );
  });

  it('agree exactly as far as the prompts do', () => {
    const words = Array.from({ length: 64 }, (_, i) => `w${i}`);
    const changed = words.with(40, 'else');
    const a = promptHashes(words.join(' '), 1);
    const b = promptHashes(changed.join(' '), 1);
    expect(a).toHaveLength(4);
    expect(a.map((hash, i) => hash === b[i])).toEqual([true, true, false, false]);
    expect(new Set(promptHashes('same '.repeat(64), 1)).size).toBe(4);
  });

  it('tell word boundaries apart and depend on the seed', () => {
    const one = promptHashes('abcdabcd '.repeat(8), 1);
    expect(promptHashes('abcd abcd '.repeat(8), 1)).toEqual(one);
    expect(promptHashes('abc dabcd '.repeat(8), 1)).not.toEqual(one);
    expect(promptHashes('abcdabcd '.repeat(8), 2)).not.toEqual(one);
  });
});

describe('placeholder tokens', () => {
  it('depend on request and index alone and count as one token each', () => {
    const hash = textHash('request-1', 1);
    const tokens = Array.from({ length: 500 }, (_, i) => placeholderToken(hash, i));
    expect(tokens).toEqual(Array.from({ length: 500 }, (_, i) => placeholderToken(hash, i)));
    expect(estimateTokens(tokens.join(''))).toBe(500);
    expect(new Set(tokens).size).toBeGreaterThan(40);
  });
});
