/** A request that this gateway has admitted. */
export interface Held {
  isl: number;
  /** Where it stands in its pool's order, Unix ms. */
  order: number;
  /** Unix ms from which a reading of its queue has it; null: not durable yet. */
  durableAtMs: number | null;
}

/** Requests that were admitted here and that the last reading of their pool's queue may not have. */
export class InHand {
  #held: Held[] = [];

  add(isl: number, order: number): Held {
    const held: Held = { isl, order, durableAtMs: null };
    this.#held.push(held);
    return held;
  }

  remove(held: Held): void {
    this.#held = this.#held.filter((each) => each !== held);
  }

  /** Those that a reading begun at `sinceMs` (Unix ms) does not have, and that do not stand behind `order` (Unix ms). */
  since(sinceMs: number, order: number): { requests: number; tokens: number } {
    const held = this.#held.filter((each) => each.order <= order && isAfter(each, sinceMs));
    return { requests: held.length, tokens: held.reduce((sum, { isl }) => sum + isl, 0) };
  }

  /** The newest reading begun at `atMs` has all that were durable before. */
  forget(atMs: number): void {
    this.#held = this.#held.filter((each) => isAfter(each, atMs));
  }
}

function isAfter({ durableAtMs }: Held, atMs: number): boolean {
  return durableAtMs === null || durableAtMs >= atMs;
}
