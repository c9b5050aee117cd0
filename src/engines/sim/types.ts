import type { Profile } from '../../profile/types.js';

/** Tokens in one KV block, as in vLLM. */
export const BLOCK_TOKENS = 16;

/** What the core needs to know of a request; callers may extend it and get their own object back in events. */
export interface SimRequest {
  /** ISL, tokens; 1 or more. */
  readonly isl: number;
  /** Output tokens in all, those of earlier attempts included; more than `emitted`. */
  readonly maxTokens: number;
  /** Output tokens that an earlier attempt emitted: recomputed with the prompt, not emitted again. */
  readonly emitted: number;
  /** `prefill` ends after its first token; `decode` begins with the transfer of the prompt's KV. */
  readonly phase: 'whole' | 'prefill' | 'decode';
  /** Chained hashes of the prompt's leading runs of `hashSpanTokens` tokens; empty: no prefix caching. */
  readonly hashes: readonly number[];
}

export interface SimOptions {
  profile: Profile;
  tp: number;
  /** 0..1: sets the number of KV blocks. */
  gpuMemoryUtilization: number;
  /** Most sequences in one batch; at most `maxBatchedTokens`. */
  maxSequences: number;
  /** Token budget of one step. */
  maxBatchedTokens: number;
  coldStartMs: number;
  /** Mean ITL that `room` keeps to, seconds; absent: it leaves that to whoever asks. */
  itlSeconds?: number;
  /**
   * `each`: an event for every token. `ends`: for the first token and the end only, which lets `advance` jump over
   * runs of pure decode steps in closed form.
   */
  tokenEvents: 'each' | 'ends';
  /** Prompt tokens under one hash, a multiple of 16; default 16. */
  hashSpanTokens?: number;
  /** The KV of a finished `prefill` request is kept so long for its decode worker, ms; default 2000. */
  handoverMs?: number;
}

/** All times are ms on the caller's clock. */
export type SimEvent<R extends SimRequest> =
  /** Token `index` of the request (0: its first) was made. */
  | { type: 'token'; request: R; index: number; atMs: number }
  | { type: 'finished'; request: R; atMs: number }
  /** Lost its KV blocks to an earlier request and waits to be computed again; no token is lost. */
  | { type: 'preempted'; request: R; atMs: number };
