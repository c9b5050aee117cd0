import type { EngineLoad } from '../contract/worker.js';
import type { CancelSignal } from './cancellation.js';

/** What an engine is asked to generate. */
export interface EngineRequest {
  id: string;
  prompt: string;
  /** ISL, tokens. */
  isl: number;
  maxTokens: number;
  /** Tokens that an earlier attempt already emitted; generation continues after them. */
  emitted: readonly string[];
  /**
   * `whole`; `prefill`: prompt and at most the first token (an engine that leaves it to the decode half gives none);
   * `decode`: KV of the prompt comes from a prefill worker.
   */
  phase: 'whole' | 'prefill' | 'decode';
  params?: Record<string, unknown> | undefined;
  /** `decode` only: what the prefill worker's engine said that fetches its KV blocks. */
  transfer?: Record<string, unknown> | undefined;
}

/**
 * Tokens in order; `atMs[k]` (Unix ms) is when `tokens[k]` was made. A token is text, or text with details
 * (contract/openai.ts); an engine that knows why it ended gives that as the last one.
 */
export interface TokenBatch {
  tokens: string[];
  atMs: number[];
  /** `prefill` only: what an engine of a decode worker needs to fetch the KV blocks. */
  transfer?: Record<string, unknown>;
}

/**
 * An inference engine that one worker drives.
 * Leaves out on purpose: queueing policy (the pool's queue has it) and retries (the worker has them).
 */
export interface Engine {
  /** Resolves when the engine can serve; the cold start lies in here. Rejects when the signal aborts. */
  start(signal: AbortSignal): Promise<void>;
  /**
   * Generates until maxTokens (counting `emitted`) or an end of the text (`emitted` never holds one). Ends the iteration normally at the end,
   * throws a SluiceError on failure, and stops at once, freeing everything, when the signal aborts (the iterator then
   * throws the signal's reason). Errors: `engine_failed`, after which the request may run again elsewhere;
   * `prompt_too_long` where it can never fit the engine's memory, `invalid_request` on counts out of range: not
   * retryable, the worker fails the request at once.
   */
  generate(request: EngineRequest, signal: CancelSignal): AsyncIterable<TokenBatch>;
  load(): EngineLoad;
  /**
   * Requests of about `tokens` KV tokens that the engine could take now, beyond those it has; an idle engine says 1 or
   * more whatever the size, so that a request that can never fit is taken and refused.
   */
  room(tokens: number): number;
  /** The same whatever prompts wait there: free sequences and free KV. Absent: as `room`. */
  places?(tokens: number): number;
  /** Requests that it was given and that have not ended there: `room` and `places` count no others of this worker. Absent: not told. */
  held?(): number;
  /**
   * From now until the first token of a prompt of `isl` tokens, ms, if it were submitted now and nothing else came.
   * Absent or undefined: the engine cannot tell, and nothing stands aside for it.
   */
  firstTokenAfterMs?(isl: number): number | undefined;
  /** Called when room may have grown without a request having ended. */
  onRoom(listener: () => void): void;
  /** Tells of an engine that comes and goes; one that only ever fails single requests has no need of it. */
  onCondition?(listener: (condition: EngineCondition, why: string) => void): void;
  /** What the engine printed last, oldest first. */
  lastLines?(): string[];
  /** `now`: the GPUs may be another's already, so nothing is waited for. */
  stop(options?: { now: boolean }): Promise<void>;
}

/**
 * `down`: it can take no request now and may be able to again (`up`). `gone`: it will not come back; its requests have
 * failed and the worker is to end.
 */
export type EngineCondition = 'up' | 'down' | 'gone';
