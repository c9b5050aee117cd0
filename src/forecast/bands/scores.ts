import { normalQuantile } from './largest.js';

/** Middles of the cells, in spreads. */
const CENTRES: readonly number[] = [
  -6, -4.5, -3.5, -3, -2.5, -2.25, -2, -1.75, -1.5, -1.25, -1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75, 1,
  1.25, 1.5, 1.75, 2, 2.25, 2.5, 2.75, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 10, 13,
];
export const CELLS = CENTRES.length;
/** Edges between the cells, and beyond the outer ones. */
const EDGES: readonly number[] = [
  -8,
  ...CENTRES.slice(1).map((centre, i) => (centre + (CENTRES[i] ?? 0)) / 2),
  16,
];
/** What a score leaves of those before: a memory of about 250 scores. */
const KEEP = 1 - 1 / 250;
/** Scores that the normal distribution counts for. */
const PRIOR = 20;
const NORMAL: readonly number[] = normalCells();

/**
 * How forecasts of one kind have come out: the distribution of (observed - middle) / spread, old scores fading, the normal
 * distribution standing in for what was not seen yet. Split conformal prediction with decaying weights (Barber et
 * al. 2023, Conformal prediction beyond exchangeability), kept as a histogram.
 */
export class ScoreTable {
  readonly weights: number[];
  /** Of the weights and the prior; null: to be summed up again. Each forecast asks many times between two scores. */
  #total: number | null = null;

  constructor(weights?: readonly number[]) {
    this.weights = [...(weights ?? new Array<number>(CELLS).fill(0))];
  }

  add(score: number): void {
    this.#total = null;
    const last = CENTRES.length - 1;
    let right = CENTRES.findIndex((centre) => centre > score);
    if (right < 0) right = last;
    const left = Math.max(0, right - 1);
    const [a, b] = [CENTRES[left] ?? 0, CENTRES[Math.max(1, right)] ?? 1];
    const share = Math.min(1, Math.max(0, (score - a) / (b - a)));
    for (let i = 0; i <= last; i++) {
      const gain = i === left ? 1 - share : i === left + 1 ? share : 0;
      // Rounded, so that a saved table stays small.
      this.weights[i] = Math.round(((this.weights[i] ?? 0) * KEEP + gain) * 1e3) / 1e3;
    }
  }

  /** The score that is not exceeded with probability p. */
  quantile(p: number): number {
    let left = p * this.#sum();
    for (let i = 0; i < CELLS; i++) {
      const mass = (this.weights[i] ?? 0) + PRIOR * (NORMAL[i] ?? 0);
      if (left <= mass) {
        const a = EDGES[i] ?? 0;
        const b = EDGES[i + 1] ?? 0;
        return mass > 0 ? a + ((b - a) * left) / mass : b;
      }
      left -= mass;
    }
    return EDGES[CELLS] ?? 0;
  }

  get mean(): number {
    let sum = 0;
    for (let i = 0; i < this.weights.length; i++) sum += (this.weights[i] ?? 0) * (CENTRES[i] ?? 0);
    return sum / this.#sum();
  }

  /** A loop: a function called for each weight would box each sum. */
  #sum(): number {
    if (this.#total !== null) return this.#total;
    let sum = 0;
    for (let i = 0; i < this.weights.length; i++) sum += this.weights[i] ?? 0;
    this.#total = sum + PRIOR;
    return this.#total;
  }
}

/** Probability of each cell under the standard normal distribution, by counting evenly spaced quantiles. */
function normalCells(): number[] {
  const cells = new Array<number>(CELLS).fill(0);
  const steps = 20_000;
  for (let k = 0; k < steps; k++) {
    const z = normalQuantile((k + 0.5) / steps);
    let cell = 0;
    while (cell < CELLS - 1 && z > (EDGES[cell + 1] ?? 0)) cell++;
    cells[cell] = (cells[cell] ?? 0) + 1 / steps;
  }
  return cells;
}
