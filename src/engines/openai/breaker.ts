/** Failures in a row that open it. */
const THRESHOLD = 3;
const FIRST_MS = 1_000;
const MOST_MS = 30_000;

/**
 * A circuit breaker: after three failures in a row nothing is sent for a second, then one request as a trial; while
 * trials fail the wait doubles, up to 30 s. Times are ms.
 */
export class Breaker {
  #failures = 0;
  #waitMs = FIRST_MS;
  #openUntilMs = Number.NEGATIVE_INFINITY;
  #trial = false;

  allows(nowMs: number): boolean {
    return this.#failures < THRESHOLD || (nowMs >= this.#openUntilMs && !this.#trial);
  }

  /** A request is sent. */
  sent(): void {
    this.#trial = this.#failures >= THRESHOLD;
  }

  /** A request ended without saying anything about the engine. */
  undecided(): void {
    this.#trial = false;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#waitMs = FIRST_MS;
    this.#trial = false;
  }

  failed(nowMs: number): void {
    this.#failures++;
    if (this.#failures < THRESHOLD) return;
    // Requests that were under way when it opened fail too: only a trial's failure lengthens the wait.
    if (this.#trial) this.#waitMs = Math.min(MOST_MS, this.#waitMs * 2);
    this.#trial = false;
    this.#openUntilMs = nowMs + this.#waitMs;
  }
}
