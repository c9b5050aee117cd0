import { z } from 'zod';
import type { CountNoise } from './path.js';

/** Share of what is known that a bin takes over: a memory of about an hour of 30 s bins. */
const GAIN = 1 / 120;
/** Weight of the belief that arrivals are Poisson, in bins. */
const PRIOR_BINS = 6;
/** One bin counts at most so many times the variance expected: a step of the load is no noise. */
const CLIP = 16;

export const noiseStateSchema = z.object({
  before: z.array(z.number().min(0).nullable()).max(2),
  squares: z.number().min(0),
  expected: z.number().min(0),
});

/**
 * How much the counts of single bins scatter about a smooth rate: an index of dispersion phi >= 1 (1: Poisson), from
 * second differences, which no level and no even trend disturbs:
 *   E (y_t - 2 y_{t-1} + y_{t-2})^2 = 6 phi mean / binSeconds
 * for rates y, both sides averaged with exponential decay.
 */
export class NoiseTracker implements CountNoise {
  #before: (number | null)[] = [];
  #squares = 0;
  #expected = 0;

  constructor(
    readonly binSeconds: number,
    state?: z.output<typeof noiseStateSchema>,
  ) {
    if (state === undefined) return;
    this.#before = [...state.before];
    this.#squares = state.squares;
    this.#expected = state.expected;
  }

  /** The newest bin; null: not known. */
  get last(): number | null {
    return this.#before[1] ?? null;
  }

  get dispersion(): number {
    return Math.max(1, (this.#squares + PRIOR_BINS * GAIN) / (this.#expected + PRIOR_BINS * GAIN));
  }

  /** With half a request a bin added, so that an idle pool is not taken for certain. */
  variance(mean: number): number {
    return (this.dispersion * (Math.max(0, mean) + 0.5 / this.binSeconds)) / this.binSeconds;
  }

  push(rate: number | null): void {
    const [first = null, second = null] = this.#before;
    this.#before = [second, rate];
    if (first === null || second === null || rate === null) return;
    // In units of the Poisson variance of one bin, so that busy and quiet hours count alike.
    const mean = (first + second + rate) / 3;
    if (mean <= 0) return;
    const squares = ((rate - 2 * second + first) ** 2 / 6 / mean) * this.binSeconds;
    const weight = Math.min(1, mean * this.binSeconds);
    this.#squares += GAIN * weight * (Math.min(squares, CLIP * this.dispersion) - this.#squares);
    this.#expected += GAIN * weight * (1 - this.#expected);
  }

  save(): z.output<typeof noiseStateSchema> {
    return { before: [...this.#before], squares: this.#squares, expected: this.#expected };
  }
}
