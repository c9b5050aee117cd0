/**
 * A run of equal decode steps, or one mixed step, under way. Each step reads one more KV token a sequence than the one
 * before, so step i (from 0) takes `first + i growth` ms and the first j steps j first + growth j (j - 1) / 2. One object
 * serves an engine for all its runs.
 */
export class Flight {
  /** Steps of the run; 0: nothing is under way. */
  steps = 0;
  /** When the last step ends, ms; Infinity: nothing is under way. */
  endMs = Number.POSITIVE_INFINITY;
  #startMs = 0;
  #firstMs = 0;
  #growthMs = 0;

  begin(startMs: number, steps: number, firstMs: number, growthMs: number): void {
    this.#startMs = startMs;
    this.#firstMs = firstMs;
    this.#growthMs = growthMs;
    this.#until(steps);
  }

  end(): void {
    this.steps = 0;
    this.endMs = Number.POSITIVE_INFINITY;
  }

  /** Steps that have ended by `now`. */
  doneBy(now: number): number {
    if (now >= this.endMs) return this.steps;
    if (this.steps <= 1 || now < this.#endAt(1)) return 0;
    // The root of growth/2 j^2 + (first - growth/2) j = elapsed, then put right for rounding.
    const elapsed = now - this.#startMs;
    const linear = this.#firstMs - this.#growthMs / 2;
    const root = (2 * elapsed) / (linear + Math.sqrt(linear * linear + 2 * this.#growthMs * elapsed));
    let j = Math.max(1, Math.min(this.steps - 1, Math.floor(root)));
    while (j > 1 && this.#endAt(j) > now) j--;
    while (j < this.steps - 1 && this.#endAt(j + 1) <= now) j++;
    return j;
  }

  /** The first j steps are over, and others are left. */
  pass(j: number): void {
    this.begin(this.#endAt(j), this.steps - j, this.#firstMs + j * this.#growthMs, this.#growthMs);
  }

  /** From now on the run ends with the first step that ends at `now` or later. */
  cut(now: number): void {
    if (this.endMs <= now) return;
    const done = this.doneBy(now);
    this.#until(done === 0 || this.#endAt(done) < now ? done + 1 : done);
  }

  #until(steps: number): void {
    this.steps = steps;
    this.endMs = this.#endAt(steps);
  }

  /** When the j-th step (from 1) ends. */
  #endAt(j: number): number {
    return this.#startMs + j * this.#firstMs + (this.#growthMs * j * (j - 1)) / 2;
  }
}
