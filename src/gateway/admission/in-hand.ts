/** A request that this gateway has admitted. */
export interface Held {
  isl: number;
  /** Unix ms from which a reading of its queue has it; null: not durable yet. */
  durableAtMs: number | null;
}

/** Requests that were admitted here and that the last reading of their pool's queue may not have. */
export class InHand {
  #held: Held[] = [];

  add(isl: number): Held {
    const held: Held = { isl, durableAtMs: null };
    this.#held.push(held);
    return held;
  }

  remove(held: Held): void {
    this.#held = this.#held.filter((each) => each !== held);
  }

  /** Those that a reading begun at `sinceMs` (Unix ms) does not have; older ones are forgotten. */
  since(sinceMs: number): { requests: number; tokens: number } {
    this.#held = this.#held.filter(({ durableAtMs }) => durableAtMs === null || durableAtMs >= sinceMs);
    return {
      requests: this.#held.length,
      tokens: this.#held.reduce((sum, { isl }) => sum + isl, 0),
    };
  }
}
