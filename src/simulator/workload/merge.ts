import type { TimedRequest } from './arrivals.js';

/** A part of the merged loads, seconds; its requests' times count from its begin. */
interface Part {
  fromSeconds?: number;
  /** Excluded. */
  untilSeconds?: number;
}

/**
 * Several loads as one, in order of time; of equal times the first load's goes first. Loads are read as far as asked and
 * closed where their reader stops.
 */
export function mergeRequests(
  loads: readonly Iterable<TimedRequest>[],
  { fromSeconds = 0, untilSeconds = Number.POSITIVE_INFINITY }: Part = {},
): IterableIterator<TimedRequest> {
  return new MergedRequests(loads, fromSeconds, untilSeconds);
}

type Head = IteratorResult<TimedRequest, unknown>;

/** By hand and not as a generator, since every request of a simulation passes here: what a load gives is passed on as it is. */
class MergedRequests implements IterableIterator<TimedRequest> {
  readonly #sources: Iterator<TimedRequest, unknown>[];
  readonly #heads: Head[] = [];
  /** Whose head was given out last. */
  #taken = -1;

  constructor(
    loads: readonly Iterable<TimedRequest>[],
    private readonly fromSeconds: number,
    private readonly untilSeconds: number,
  ) {
    this.#sources = loads.map((load) => load[Symbol.iterator]());
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<TimedRequest, undefined> {
    for (;;) {
      const head = this.#take();
      if (head === null || head.done === true || head.value.atSeconds >= this.untilSeconds)
        return this.return();
      if (head.value.atSeconds < this.fromSeconds) continue;
      head.value.atSeconds -= this.fromSeconds;
      return head;
    }
  }

  return(): IteratorResult<TimedRequest, undefined> {
    for (const source of this.#sources.splice(0)) source.return?.();
    this.#heads.length = 0;
    this.#taken = -1;
    return { value: undefined, done: true };
  }

  #take(): Head | null {
    const heads = this.#heads;
    const sources = this.#sources;
    const last = sources[this.#taken];
    if (last !== undefined) heads[this.#taken] = last.next();
    else for (const source of sources) heads.push(source.next());
    let first: Head | null = null;
    let firstAt = Number.POSITIVE_INFINITY;
    for (let k = 0; k < heads.length; k++) {
      const head = heads[k];
      if (head === undefined || head.done === true || head.value.atSeconds >= firstAt) continue;
      first = head;
      firstAt = head.value.atSeconds;
      this.#taken = k;
    }
    return first;
  }
}
