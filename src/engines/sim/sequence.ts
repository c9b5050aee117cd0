import { BLOCK_TOKENS, type SimRequest } from './types.js';

export type SequenceState =
  | 'front-end'
  | 'waiting'
  | 'prefill'
  | 'transfer'
  | 'decode'
  | 'handover'
  | 'ended';

/** An accepted request inside the core. While it decodes, `context` and `generated` are those of its joining. */
export class Sequence<R extends SimRequest> {
  state: SequenceState = 'front-end';
  /** KV tokens in the cache. */
  context = 0;
  /** Output tokens made, earlier attempts included. */
  generated = 0;
  /** Tokens to prefill before the next output token. */
  target = 0;
  /** Prompt tokens under way in the current step. */
  chunk = 0;
  /** Prefix-cache entries that it refers to, from the prompt's start. */
  readonly cached: number[] = [];
  /** It begins with a KV transfer; a preempted one recomputes. */
  transfers = false;
  /** When the front end, the transfer or the hand-over is over, ms. */
  untilMs = 0;
  joinStep = 0;
  finishStep = 0;
  /** Blocks that it needs at its longest: the last token is never read back, so it is not stored. */
  finalBlocks = 0;

  constructor(
    public request: R,
    /** Rises with each accepted request: the order of first come, first served. */
    public arrival: number,
  ) {
    this.begin(request, arrival);
  }

  /** Serves another request, once the one before has ended. */
  begin(request: R, arrival: number): void {
    this.request = request;
    this.arrival = arrival;
    this.context = 0;
    this.generated = request.emitted;
    this.target = request.isl + request.emitted;
    this.chunk = 0;
    this.transfers = request.phase === 'decode' && request.emitted <= 1;
    this.finalBlocks = finalBlocks(request);
  }
}

/** Names an accepted request to `cancel`. */
export type SimHandle<R extends SimRequest> = Sequence<R>;

export function finalBlocks(request: SimRequest): number {
  const output = request.phase === 'prefill' ? 0 : request.maxTokens - 1;
  return blocksFor(request.isl + output);
}

export function blocksFor(tokens: number): number {
  return Math.ceil(tokens / BLOCK_TOKENS);
}
