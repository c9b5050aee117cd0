/** A stretch without any arrival, out of proportion to the rest of its trace. Times of the trace as it was read. */
export interface Gap {
  /** Of the row that ends it, from 1. */
  line: number;
  /** Of the row before it, seconds from the first. */
  fromSeconds: number;
  seconds: number;
}

/** Shorter ones are never told, seconds. */
const LEAST_SECONDS = 3600;
/** A gap is longer than so many times the mean distance of the rows that are no further apart than `LEAST_SECONDS`. */
const TIMES_MEAN = 100;

/** Finds the gaps among the distances between the rows of a trace. Holds those above an hour. */
export class Gaps {
  readonly #long: Gap[] = [];
  #seconds = 0;
  #count = 0;

  add(distance: Gap): void {
    if (distance.seconds > LEAST_SECONDS) this.#long.push(distance);
    else {
      this.#seconds += distance.seconds;
      this.#count++;
    }
  }

  /** Those so far. None where all rows are over an hour apart: there is nothing to be out of proportion to. */
  found(): Gap[] {
    if (this.#count === 0) return [];
    const least = (TIMES_MEAN * this.#seconds) / this.#count;
    return this.#long.filter(({ seconds }) => seconds > least);
  }
}
