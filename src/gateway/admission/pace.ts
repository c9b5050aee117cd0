/** A measurement of so long counts as much as all before it. */
const MEMORY_MS = 20_000;
/** A real engine may be slower or faster than its profile, but not by more. */
const [LEAST, MOST] = [0.1, 4];

/**
 * Learns how fast a pool's workers are against their profile. While requests have waited without a break for longer than
 * one runs, every worker is as busy as it gets, so that the requests that end a second are what the pool can do.
 */
export class Pace {
  /** Since when requests wait without a break, and with how many workers; null: none wait. */
  #busy: { sinceMs: number; ready: number } | null = null;
  #last: { atMs: number; ended: number } | null = null;
  #share = 1;

  /** Measured over what the profile says; 1 until something was measured. */
  get share(): number {
    return this.#share;
  }

  /** A look at the pool's queue at `atMs`, Unix ms. */
  see(atMs: number, waiting: number, ready: number): void {
    if (waiting === 0 || ready === 0) this.#busy = null;
    else if (this.#busy?.ready !== ready) this.#busy = { sinceMs: atMs, ready };
  }

  /**
   * @param ended requests of the pool that have ended, since ever
   * @param modelRps requests/s of a worker by its profile
   * @param requestSeconds that a request runs: until then a busy pool's ends are those of calmer times
   */
  count(atMs: number, ended: number, modelRps: number, requestSeconds: number): void {
    const [busy, last] = [this.#busy, this.#last];
    this.#last = { atMs, ended };
    if (busy === null || last === null || !Number.isFinite(modelRps)) return;
    if (last.atMs < busy.sinceMs + requestSeconds * 1000) return;
    const ms = atMs - last.atMs;
    if (ms <= 0) return;
    const measured = ((ended - last.ended) / ms / busy.ready) * 1000;
    const share = Math.min(MOST, Math.max(LEAST, measured / modelRps));
    this.#share += (ms / (ms + MEMORY_MS)) * (share - this.#share);
  }
}
