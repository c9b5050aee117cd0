import type { TimedRequest } from './arrivals.js';

/** Several loads as one, in order of time; of equal times the first load's goes first. */
export function* mergeRequests(loads: readonly Iterable<TimedRequest>[]): Generator<TimedRequest> {
  const sources = loads.map((load) => load[Symbol.iterator]());
  const heads = sources.map((source) => source.next());
  try {
    for (;;) {
      let first = -1;
      let firstAt = Number.POSITIVE_INFINITY;
      for (let k = 0; k < heads.length; k++) {
        const head = heads[k];
        if (head === undefined || head.done === true || head.value.atSeconds >= firstAt) continue;
        first = k;
        firstAt = head.value.atSeconds;
      }
      const head = heads[first];
      const source = sources[first];
      if (head === undefined || source === undefined || head.done === true) return;
      yield head.value;
      heads[first] = source.next();
    }
  } finally {
    for (const source of sources) source.return?.();
  }
}
