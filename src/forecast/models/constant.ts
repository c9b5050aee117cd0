import { z } from 'zod';
import type { CountNoise, Path, PathModel } from '../path.js';
import { Recent } from './recent.js';

/** Known bins averaged; few, so that a lull shows soon. */
const BINS = 5;

export const constantStateSchema = z.object({ recent: z.array(z.number().min(0)).max(BINS) });
type State = z.output<typeof constantStateSchema>;

/** The load stays what it was: the mean of the last five known bins. */
export class ConstantModel implements PathModel<State> {
  readonly #recent: Recent;

  constructor(state?: State) {
    this.#recent = new Recent(BINS, state?.recent);
  }

  push(rate: number | null): void {
    if (rate !== null) this.#recent.push(rate);
  }

  path(bins: number, noise: CountNoise): Path | null {
    const { values, mean } = this.#recent;
    if (values.length === 0) return null;
    const scatter = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    const variance = Math.max(scatter, noise.variance(mean)) / values.length;
    return { mean: new Array<number>(bins).fill(mean), variance: new Array<number>(bins).fill(variance) };
  }

  save(): State {
    return { recent: [...this.#recent.values] };
  }
}
