/** Workers that do one kind of work, and what each of them does of it. */
export interface Stage {
  /** Workers at work now. */
  ready: number;
  /** Seconds until each of those that start is ready. */
  readyInSeconds: readonly number[];
  /** Work that a worker takes at once while it has none. */
  head: number;
  /** Work that a worker does a second; 0: none. */
  rate: number;
}

/** A pool as a new request finds it. */
export interface PoolSight {
  /** Whole requests: `head` those that a worker runs at once, `rate` those that it completes a second. */
  requests: Stage;
  /** Prompt tokens, of the workers that compute prompts; `head` 0. */
  prompts: Stage;
  /** Requests that run, and requests that wait and go before the new one. */
  running: number;
  ahead: number;
  /** Prompt tokens before its own. */
  tokensAhead: number;
}

/** What a new request takes once its turn has come, seconds. */
export interface OwnTimes {
  /** Until its first token. */
  firstTokenSeconds: number;
  /** From its first token to its last. */
  decodeSeconds: number;
}

/** Seconds from now. */
export interface Prediction {
  /** Until its turn comes; Infinity: never, as things stand. */
  startSeconds: number;
  ttftSeconds: number;
  finishSeconds: number;
  /** The turn comes within so long with the asked probability. */
  startWithinSeconds: number;
}

/**
 * When a new request starts and ends, by a fluid model of the pool: its turn comes when the pool has taken all before it,
 * by requests (each worker takes `head` at once and then as many as it completes) and by prompt tokens (prompts are
 * computed one after the other), whichever is later. Workers that start count from when they are ready.
 *
 * Requests end at random: the time until k of them have ended is taken as that of k Poisson events, whose quantile is
 * Wilson and Hilferty's (1931), k (1 - 1 / 9k + z / 3 sqrt(k))^3 mean gaps.
 * @param z normal quantile of the probability with which `startWithinSeconds` holds
 */
export function predict(sight: PoolSight, own: OwnTimes, z: number): Prediction {
  const { requests, prompts, running, ahead, tokensAhead } = sight;
  const work = running + ahead + 1;
  const ends = Math.max(0, work - atOnce(requests));
  const promptSeconds = tokensAhead > 0 || requests.ready === 0 ? secondsUntil(prompts, tokensAhead) : 0;
  const startSeconds = Math.max(secondsUntil(requests, work), promptSeconds);
  const ttftSeconds = startSeconds + own.firstTokenSeconds;
  return {
    startSeconds,
    ttftSeconds,
    finishSeconds: ttftSeconds + own.decodeSeconds,
    startWithinSeconds: Math.max(secondsUntil(requests, work + spread(ends, z)), promptSeconds),
  };
}

/** By how many events the time of `events` of them is to be reckoned longer. */
function spread(events: number, z: number): number {
  if (!(events > 0)) return 0;
  // Part of an event waits for a whole one.
  const k = Math.max(1, events);
  return Math.max(0, k * (1 - 1 / (9 * k) + z / (3 * Math.sqrt(k))) ** 3 - events);
}

function atOnce({ ready, head }: Pick<Stage, 'ready' | 'head'>): number {
  return ready > 0 ? ready * head : 0;
}

/** Seconds until the workers have taken so much work; Infinity: never. */
export function secondsUntil({ ready, readyInSeconds, head, rate }: Stage, work: number): number {
  const starts = readyInSeconds.toSorted((a, b) => a - b);
  let at = 0;
  let workers = ready;
  let taken = atOnce({ ready, head });
  for (const next of [...starts, Number.POSITIVE_INFINITY]) {
    if (workers > 0 && taken >= work) return at;
    const speed = workers > 0 ? workers * rate : 0;
    const end = speed > 0 ? at + (work - taken) / speed : Number.POSITIVE_INFINITY;
    if (end <= next) return end;
    taken += speed > 0 ? speed * (next - at) : 0;
    at = next;
    workers++;
    taken += head;
  }
  return Number.POSITIVE_INFINITY;
}
