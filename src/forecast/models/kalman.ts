import { z } from 'zod';
import type { CountNoise, Path, PathModel } from '../path.js';
import { boundMean, GROWTH_BINS, growthBound } from './growth.js';
import { Recent } from './recent.js';
import { TrendBank, trendBankStateSchema } from './trend-bank.js';

export const kalmanStateSchema = z.object({
  bank: trendBankStateSchema,
  recent: z.array(z.number().min(0)).max(GROWTH_BINS),
});
type State = z.output<typeof kalmanStateSchema>;

/** Kalman local linear trend of the rate, the observation noise that of counting. */
export class KalmanModel implements PathModel<State> {
  readonly #bank: TrendBank;
  readonly #recent: Recent;

  constructor(state?: State) {
    this.#bank = new TrendBank(state?.bank);
    this.#recent = new Recent(GROWTH_BINS, state?.recent);
  }

  push(rate: number | null, noise: CountNoise): void {
    if (rate !== null) this.#recent.push(rate);
    this.#bank.push(rate, (level) => noise.variance(level), 1 / noise.binSeconds);
  }

  path(bins: number, noise: CountNoise): Path | null {
    if (!this.#bank.known) return null;
    const bound = growthBound(this.#recent.largest);
    const { mean, variance } = this.#bank.path(bins, 1 / noise.binSeconds);
    return {
      mean: mean.map((value) => boundMean(value, bound)),
      variance: variance.map((value) => Math.min(value, bound * bound)),
    };
  }

  save(): State {
    return { bank: this.#bank.save(), recent: [...this.#recent.values] };
  }
}
