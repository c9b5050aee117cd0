/** Requests by whole second of the newest seconds, in a ring: a second that is asked for again and again costs no hash. */
export class SecondRing {
  readonly #counts: Int32Array;
  readonly #mask: number;
  /** The newest second that was counted, Unix. */
  #newest = Number.NEGATIVE_INFINITY;

  /** Holds at least the newest `seconds`. */
  constructor(private readonly seconds: number) {
    const size = 2 ** Math.ceil(Math.log2(Math.max(1, seconds)));
    this.#counts = new Int32Array(size);
    this.#mask = size - 1;
  }

  /** One more in `second`; one older than those it holds is not kept. */
  add(second: number): void {
    if (second <= this.#newest - this.#counts.length) return;
    if (second > this.#newest) this.#turn(second);
    const at = second & this.#mask;
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  /** undefined: not held. */
  get(second: number): number | undefined {
    if (second > this.#newest || second <= this.#newest - this.#counts.length) return undefined;
    return this.#counts[second & this.#mask];
  }

  copy(): SecondRing {
    const copy = new SecondRing(this.seconds);
    copy.#counts.set(this.#counts);
    copy.#newest = this.#newest;
    return copy;
  }

  /** The seconds up to `second` begin with none. */
  #turn(second: number): void {
    const from = Math.max(this.#newest + 1, second - this.#mask);
    for (let at = from; at <= second; at++) this.#counts[at & this.#mask] = 0;
    this.#newest = second;
  }
}
