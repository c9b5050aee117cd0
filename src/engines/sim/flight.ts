/**
 * A run of equal decode steps, or one mixed step, under way. Each step reads one more KV token a sequence than the one
 * before, so step i (from 0) takes `first + i growth` ms and the first j steps j first + growth j (j - 1) / 2.
 */
export class Flight {
  constructor(
    readonly startMs: number,
    readonly steps: number,
    readonly firstMs: number,
    readonly growthMs: number,
  ) {}

  /** When the j-th step (from 1) ends. */
  endAt(j: number): number {
    return this.startMs + j * this.firstMs + (this.growthMs * j * (j - 1)) / 2;
  }

  get endMs(): number {
    return this.endAt(this.steps);
  }

  /** Steps that have ended by `now`. */
  doneBy(now: number): number {
    if (this.steps === 1 || now < this.endAt(1)) return now >= this.endAt(1) ? 1 : 0;
    if (now >= this.endMs) return this.steps;
    // The root of growth/2 j^2 + (first - growth/2) j = elapsed, then put right for rounding.
    const elapsed = now - this.startMs;
    const linear = this.firstMs - this.growthMs / 2;
    const root = (2 * elapsed) / (linear + Math.sqrt(linear * linear + 2 * this.growthMs * elapsed));
    let j = Math.max(1, Math.min(this.steps - 1, Math.floor(root)));
    while (j > 1 && this.endAt(j) > now) j--;
    while (j < this.steps - 1 && this.endAt(j + 1) <= now) j++;
    return j;
  }

  /** What is left after the first j steps. */
  after(j: number): Flight {
    return new Flight(this.endAt(j), this.steps - j, this.firstMs + j * this.growthMs, this.growthMs);
  }

  /** The same, ending with the first step that ends at `now` or later. */
  cutAt(now: number): Flight {
    if (this.endMs <= now) return this;
    let steps = this.doneBy(now);
    if (steps === 0 || this.endAt(steps) < now) steps++;
    return new Flight(this.startMs, steps, this.firstMs, this.growthMs);
  }
}
