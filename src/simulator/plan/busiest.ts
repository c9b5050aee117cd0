import type { TimedRequest } from '../workload/arrivals.js';

/** A stretch of a load, seconds from its begin. */
export interface Stretch {
  fromSeconds: number;
  toSeconds: number;
  requests: number;
}

/** Counts a load minute by minute. Holds two numbers a minute. */
export class MinuteCounts {
  readonly requests: number[] = [];
  /** Prompt and output tokens. */
  readonly tokens: number[] = [];
  total = 0;

  add({ atSeconds, isl, osl }: TimedRequest): void {
    const minute = Math.floor(atSeconds / 60);
    while (this.requests.length <= minute) {
      this.requests.push(0);
      this.tokens.push(0);
    }
    this.requests[minute] = (this.requests[minute] ?? 0) + 1;
    this.tokens[minute] = (this.tokens[minute] ?? 0) + isl + osl;
    this.total++;
  }
}

/**
 * The stretch of up to `minutes` with the most tokens, halved (to a quarter of an hour at least) until it has at most
 * `mostRequests`. The whole load where it is no longer than that.
 */
export function busiest(counts: MinuteCounts, minutes: number, mostRequests: number): Stretch {
  const all = counts.requests.length;
  let length = Math.min(all, Math.max(1, Math.round(minutes)));
  for (;;) {
    const from = heaviest(counts.tokens, length);
    const requests = counts.requests.slice(from, from + length).reduce((sum, count) => sum + count, 0);
    if (requests <= mostRequests || length <= 15)
      return { fromSeconds: from * 60, toSeconds: (from + length) * 60, requests };
    length = Math.max(15, Math.ceil(length / 2));
  }
}

function heaviest(tokens: readonly number[], length: number): number {
  let sum = tokens.slice(0, length).reduce((total, count) => total + count, 0);
  let most = sum;
  let best = 0;
  for (let from = 1; from + length <= tokens.length; from++) {
    sum += (tokens[from + length - 1] ?? 0) - (tokens[from - 1] ?? 0);
    if (sum <= most) continue;
    most = sum;
    best = from;
  }
  return best;
}

/**
 * The requests of a stretch, times from the begin of a lead of `leadSeconds`: what came just before it, and where the load
 * begins with the stretch its own first minutes in their place.
 */
export function cut(requests: Iterable<TimedRequest>, stretch: Stretch, leadSeconds: number): TimedRequest[] {
  const { fromSeconds, toSeconds } = stretch;
  const origin = fromSeconds - leadSeconds;
  const own: TimedRequest[] = [];
  for (const request of requests) {
    if (request.atSeconds >= toSeconds) break;
    if (request.atSeconds >= origin) own.push({ ...request, atSeconds: request.atSeconds - origin });
  }
  if (origin >= 0) return own;
  // Whole spans of the lead that nothing fills: the stretch's begin stands in for them.
  const missing = -origin;
  const first = own.filter(({ atSeconds }) => atSeconds >= missing && atSeconds < 2 * missing);
  return [...first.map((request) => ({ ...request, atSeconds: request.atSeconds - missing })), ...own];
}
