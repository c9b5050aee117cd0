import type { Prediction } from './prediction.js';

/** What a request must keep to be taken. */
export interface Terms {
  /** Its first token is aimed at within so many seconds (target x buffer); null: it can wait as long as it takes. */
  aimSeconds: number | null;
  /** It ends as expired if it has not started in so many seconds; null: never. */
  deadlineSeconds: number | null;
}

/** Where the pool stands. */
export interface Standing {
  /** Workers that serve. */
  ready: number;
  /** Requests that wait, of all clients. */
  waiting: number;
  /** Most that may wait while no worker is ready. */
  waitingRoom: number;
}

export type Refusal = 'late' | 'deadline' | 'full';

/** `waitSeconds`: after so long it would be taken, if nothing else came; Infinity: waiting does not help. */
export type Verdict = { kind: 'admit' } | { kind: 'refuse'; why: Refusal; waitSeconds: number };

const ADMIT: Verdict = { kind: 'admit' };

/**
 * Whether a request is taken. With no worker ready the queue is a waiting room: the promise cannot be kept whatever is
 * decided, so a request waits there while there is room. Otherwise its first token must come within the aim, with the
 * probability of the prediction; one that
 * could not be in time even alone may wait as long as its aim, or it would never be taken in busy times.
 * @param ownSeconds of the request from its turn to its first token
 */
export function judge(
  { startSeconds, startWithinSeconds }: Prediction,
  ownSeconds: number,
  { aimSeconds, deadlineSeconds }: Terms,
  { ready, waiting, waitingRoom }: Standing,
): Verdict {
  if (deadlineSeconds !== null && startSeconds > deadlineSeconds) {
    // One that is over before anything is decided is over as soon when it comes again.
    const waitSeconds = deadlineSeconds > 0 ? startSeconds - deadlineSeconds : Number.POSITIVE_INFINITY;
    return { kind: 'refuse', why: 'deadline', waitSeconds };
  }
  if (ready === 0) {
    return waiting < waitingRoom ? ADMIT : { kind: 'refuse', why: 'full', waitSeconds: startSeconds };
  }
  if (aimSeconds === null) return ADMIT;
  const mayWait = ownSeconds < aimSeconds ? aimSeconds - ownSeconds : aimSeconds;
  if (startWithinSeconds <= mayWait) return ADMIT;
  return { kind: 'refuse', why: 'late', waitSeconds: startSeconds };
}
