import { z } from 'zod';
import { fitLine } from '../least-squares.js';
import type { CountNoise, Path, PathModel } from '../path.js';
import { boundMean, GROWTH_BINS, growthBound } from './growth.js';

/** Bins that the line is laid through. */
const BINS = GROWTH_BINS;

export const linearStateSchema = z.object({ recent: z.array(z.number().min(0).nullable()).max(BINS) });
type State = z.output<typeof linearStateSchema>;

/**
 * A straight trend by least squares over the newest 20 bins. The variance of the line at x is
 * s^2 (1/n + (x - mean x)^2 / spread), s^2 the residual variance and at least that of counting.
 */
export class LinearModel implements PathModel<State> {
  readonly #recent: (number | null)[];

  constructor(state?: State) {
    this.#recent = [...(state?.recent ?? [])];
  }

  push(rate: number | null): void {
    this.#recent.push(rate);
    if (this.#recent.length > BINS) this.#recent.shift();
  }

  path(bins: number, noise: CountNoise): Path | null {
    const points: [number, number][] = [];
    for (const [x, rate] of this.#recent.entries()) if (rate !== null) points.push([x, rate]);
    const line = fitLine(points);
    if (line === null) return null;
    const bound = growthBound(points.reduce((most, [, rate]) => Math.max(most, rate), 0));
    const middle = line.intercept + line.slope * line.meanX;
    const scatter = Math.max(line.sd ** 2, noise.variance(middle));
    const path: Path = { mean: [], variance: [] };
    for (let h = 0; h < bins; h++) {
      const x = this.#recent.length + h;
      const leverage = line.spread > 0 ? (x - line.meanX) ** 2 / line.spread : 0;
      path.mean.push(boundMean(line.intercept + line.slope * x, bound));
      path.variance.push(Math.min(scatter * (1 / line.points + leverage), bound ** 2));
    }
    return path;
  }

  save(): State {
    return { recent: [...this.#recent] };
  }
}
