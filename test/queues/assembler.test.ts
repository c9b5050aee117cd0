import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TokenFrame } from '../../src/contract/reply.js';
import { TokenAssembler } from '../../src/queues/assembler.js';

const frame = (index: number, tokens: string[]): TokenFrame => ({
  type: 'tokens',
  id: 'r',
  index,
  tokens,
  atMs: tokens.map(() => 0),
  workerId: 'w',
});

describe('TokenAssembler', () => {
  it('delivers what is new of an overlapping frame', () => {
    const assembler = new TokenAssembler();
    assembler.accept(frame(0, ['a', 'b']));
    expect(assembler.accept(frame(1, ['b', 'c']))).toEqual({ kind: 'deliver', frame: frame(2, ['c']) });
    expect(assembler.accept(frame(0, ['a', 'b', 'c']))).toEqual({ kind: 'duplicate' });
    expect(assembler.accept(frame(5, ['f']))).toEqual({ kind: 'gap', from: 3 });
  });

  it('yields each token once and in order from any sequence of frames, filling gaps from the journal', () => {
    const text = Array.from({ length: 30 }, (_, i) => `t${i}`);
    const slices = fc.array(fc.tuple(fc.nat(29), fc.integer({ min: 1, max: 8 })), { maxLength: 40 });
    fc.assert(
      fc.property(slices, (cuts) => {
        const assembler = new TokenAssembler();
        const heard: string[] = [];
        const take = (index: number, tokens: string[]) => {
          const got = assembler.accept(frame(index, tokens));
          if (got.kind === 'deliver') heard.push(...got.frame.tokens);
          return got;
        };
        for (const [index, length] of cuts) {
          const tokens = text.slice(index, index + length);
          const got = take(index, tokens);
          if (got.kind !== 'gap') continue;
          take(got.from, text.slice(got.from, index + length));
        }
        expect(heard).toEqual(text.slice(0, heard.length));
        expect(assembler.next).toBe(heard.length);
      }),
    );
  });
});
