import { bucketOf, bucketValue, LARGEST, SMALLEST } from '../../telemetry/sketch.js';

const LOWEST = bucketOf(SMALLEST);
const SIZE = bucketOf(LARGEST) - LOWEST + 1;

/** Index of a value's bucket in a `CountSketch`: the buckets of telemetry/sketch.ts counted from 0. */
export function placeOf(seconds: number): number {
  return bucketOf(seconds) - LOWEST;
}

/** The quantile sketch of telemetry as a flat array, from which counts can be taken out again. Within 1 %. */
export class CountSketch {
  readonly #counts = new Int32Array(SIZE);
  #count = 0;
  #low = SIZE;
  #high = -1;

  get count(): number {
    return this.#count;
  }

  addAt(place: number): void {
    this.#counts[place] = (this.#counts[place] ?? 0) + 1;
    this.#count++;
    if (place < this.#low) this.#low = place;
    if (place > this.#high) this.#high = place;
  }

  /** Adds what `other` holds; with -1, takes it out: all of it must have been added here. */
  add(other: CountSketch, sign: 1 | -1): void {
    for (let place = other.#low; place <= other.#high; place++)
      this.#counts[place] = (this.#counts[place] ?? 0) + sign * (other.#counts[place] ?? 0);
    this.#count += sign * other.#count;
    if (this.#count === 0) this.#narrow();
    else if (sign > 0) {
      this.#low = Math.min(this.#low, other.#low);
      this.#high = Math.max(this.#high, other.#high);
    }
  }

  clear(): void {
    if (this.#high >= this.#low) this.#counts.fill(0, this.#low, this.#high + 1);
    this.#count = 0;
    this.#narrow();
  }

  /** The q-th quantile (0..1) by nearest rank, seconds; null when empty. */
  quantile(q: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.min(this.#count, Math.max(1, Math.ceil(q * this.#count - 1e-9)));
    let seen = 0;
    for (let place = this.#low; place <= this.#high; place++) {
      seen += this.#counts[place] ?? 0;
      if (seen >= rank) return bucketValue(place + LOWEST);
    }
    return null;
  }

  #narrow(): void {
    this.#low = SIZE;
    this.#high = -1;
  }
}
