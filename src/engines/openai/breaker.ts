/** Requests in a row whose failure opens it. */
const THRESHOLD = 3;
const FIRST_MS = 1_000;
/** It may be the requests that are bad, not the engine: others must not wait long for the next trial. */
const MOST_MS = 4_000;

/**
 * A circuit breaker: after three requests in a row have failed, each counted once however often it was tried, nothing is
 * sent for a second, then one request as a trial; while trials fail the wait doubles, up to 4 s. Times are ms.
 */
export class Breaker {
  /** Requests that failed since the last one that did not, as many as count. */
  readonly #failed = new Set<string>();
  #waitMs = FIRST_MS;
  #openUntilMs = Number.NEGATIVE_INFINITY;
  #trial = false;

  allows(nowMs: number): boolean {
    return !this.#open || (nowMs >= this.#openUntilMs && !this.#trial);
  }

  /** A trial is under way: what it says of the engine is still to come. */
  get trying(): boolean {
    return this.#trial;
  }

  get #open(): boolean {
    return this.#failed.size >= THRESHOLD;
  }

  /** A request is sent. */
  sent(): void {
    this.#trial = this.#open;
  }

  /** A request ended without saying anything about the engine. */
  undecided(): void {
    this.#trial = false;
  }

  /** The engine has answered as it should, if only with a first token. */
  succeeded(): void {
    this.#failed.clear();
    this.#waitMs = FIRST_MS;
    this.#trial = false;
  }

  failed(request: string, nowMs: number): void {
    if (!this.#open) this.#failed.add(request);
    if (!this.#open) return;
    // Requests that were under way when it opened fail too: only a trial's failure lengthens the wait.
    if (this.#trial) this.#waitMs = Math.min(MOST_MS, this.#waitMs * 2);
    this.#trial = false;
    this.#openUntilMs = nowMs + this.#waitMs;
  }
}
