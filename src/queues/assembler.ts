import type { TokenFrame } from '../contract/reply.js';

/** What a frame means for one request's stream. */
export type Assembled =
  /** New tokens, to be delivered now. */
  | { kind: 'deliver'; frame: TokenFrame }
  /** Nothing new. */
  | { kind: 'duplicate' }
  /** Tokens from `from` on are missing: read the journal. */
  | { kind: 'gap'; from: number };

/** Turns frames that may come twice, late or not at all into each token once, in order. */
export class TokenAssembler {
  /** Index of the next token to deliver. */
  next = 0;

  accept(frame: TokenFrame): Assembled {
    const end = frame.index + frame.tokens.length;
    if (frame.index > this.next) return { kind: 'gap', from: this.next };
    if (end <= this.next) return { kind: 'duplicate' };
    const skip = this.next - frame.index;
    this.next = end;
    if (skip === 0) return { kind: 'deliver', frame };
    return {
      kind: 'deliver',
      frame: {
        ...frame,
        index: frame.index + skip,
        tokens: frame.tokens.slice(skip),
        atMs: frame.atMs.slice(skip),
      },
    };
  }
}
