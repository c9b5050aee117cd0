import { FinishHeap } from './finish-heap.js';
import type { Sequence } from './sequence.js';
import { BLOCK_TOKENS, type SimRequest } from './types.js';

/**
 * The sequences that decode. Each makes one token in every step, so a step costs O(1) whatever their number: one
 * counter stands for all lengths, and sequences are told apart by the residue of the step at which each needs a block.
 */
export class DecodeBatch<R extends SimRequest> {
  /** Decode steps done since start. */
  step = 0;
  /** KV tokens of all members. */
  kvTokens = 0;
  /** Members that need a new block in the steps of each residue modulo 16. */
  readonly #needs = new Int32Array(BLOCK_TOKENS);
  readonly #ends = new FinishHeap<R>();

  get size(): number {
    return this.#ends.sequences.length;
  }

  get members(): readonly Sequence<R>[] {
    return this.#ends.sequences;
  }

  add(sequence: Sequence<R>): void {
    sequence.state = 'decode';
    sequence.joinStep = this.step;
    sequence.finishStep = this.step + sequence.request.maxTokens - sequence.generated;
    this.#count(sequence, 1);
    this.kvTokens += sequence.context;
    this.#ends.push(sequence);
  }

  /** Takes a member out and brings its `context` and `generated` up to date. */
  remove(sequence: Sequence<R>): void {
    this.#ends.remove(sequence);
    this.#leave(sequence);
  }

  /** Tokens that a member has made so far. */
  generated(sequence: Sequence<R>): number {
    return sequence.generated + this.step - sequence.joinStep;
  }

  /** New blocks that the step `ahead` steps from now needs (0: the next one). */
  blocksNeeded(ahead: number): number {
    return this.#needs[residueOf(this.step + ahead)] ?? 0;
  }

  /** New blocks of the steps from..to, both `ahead` of now, to excluded. */
  blocksBetween(from: number, to: number): number {
    const cycles = Math.floor((to - from) / BLOCK_TOKENS);
    let blocks = cycles * this.size;
    for (let ahead = from + cycles * BLOCK_TOKENS; ahead < to; ahead++) blocks += this.blocksNeeded(ahead);
    return blocks;
  }

  /** How many steps after the next one, at most `most`, fit into `free` blocks. */
  affordable(free: number, most: number): number {
    if (this.size === 0) return most;
    let steps = Math.floor(free / this.size) * BLOCK_TOKENS;
    if (steps >= most) return most;
    let left = free % this.size;
    while (steps < most) {
      left -= this.blocksNeeded(1 + steps);
      if (left < 0) break;
      steps++;
    }
    return steps;
  }

  advance(steps: number): void {
    this.step += steps;
    this.kvTokens += steps * this.size;
  }

  /** Steps until the next member is done; Infinity when empty. */
  stepsToFinish(): number {
    return this.#ends.firstStep - this.step;
  }

  /** Takes out one member that has made all its tokens. */
  takeFinished(): Sequence<R> | undefined {
    if (this.#ends.firstStep > this.step) return undefined;
    const done = this.#ends.pop();
    if (done !== undefined) this.#leave(done);
    return done;
  }

  #leave(sequence: Sequence<R>): void {
    this.#count(sequence, -1);
    const made = this.step - sequence.joinStep;
    sequence.context += made;
    sequence.generated += made;
    this.kvTokens -= sequence.context;
  }

  #count(sequence: Sequence<R>, by: number): void {
    const residue = residueOf(sequence.joinStep - sequence.context);
    this.#needs[residue] = (this.#needs[residue] ?? 0) + by;
  }
}

/** Modulo the block size, a power of two, never negative: without a division, as all decoding passes here. */
function residueOf(step: number): number {
  return step & (BLOCK_TOKENS - 1);
}
