/** What waits in a pool's queues and what its workers hold. */
export interface QueueDepth {
  /** Waiting for prefill, or for an aggregated worker. */
  prefillWaiting: number;
  /** Prefilled elsewhere, waiting for a decode worker. */
  decodeWaiting: number;
  /** Waiting, but standing aside: predicted to miss their target. */
  lateWaiting: number;
  /** Prompt tokens of those; part of `waitingTokens`. */
  lateTokens: number;
  /** Requests at workers. */
  active: number;
  /** Prompt tokens that wait for prefill. */
  waitingTokens: number;
  /** KV tokens (prompt and expected output) that wait for room at a decode or aggregated worker, those standing aside left out. */
  waitingKvTokens: number;
  /** Seconds; null: nothing waits. */
  oldestWaitSeconds: number | null;
}
