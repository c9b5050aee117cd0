import type { Outcome } from './request.js';

/** Tokens of one request, in order: `tokens[k]` has index `index + k` and was made at `atMs[k]`. */
export interface TokenFrame {
  type: 'tokens';
  id: string;
  index: number;
  tokens: string[];
  /** Unix milliseconds, one for each token. */
  atMs: number[];
  workerId: string;
}

/** The end of one request. Published only after the end is durable in Redis. */
export interface EndFrame {
  type: 'end';
  id: string;
  outcome: Outcome;
  /** Tokens that were made so shortly before the end that they travel with it. */
  tail?: TokenFrame;
}

export type ReplyFrame = TokenFrame | EndFrame;

/** A message to the workers of a pool. */
export type ControlMessage =
  | { type: 'cancel'; id: string }
  /** Send this request's tokens and end to one more reply channel. */
  | { type: 'attach'; id: string; replyTo: string };
