import { z } from 'zod';
import { ArimaPredictor } from '../arima.js';
import type { CountNoise, Path, PathModel } from '../path.js';

const BINS = 60;
export const arimaStateSchema = z.object({ recent: z.array(z.number().min(0).nullable()).max(BINS) });
type State = z.output<typeof arimaStateSchema>;

/** ARIMA(1,1,0) of log(1 + rate) over the newest 60 bins. */
export class ArimaModel implements PathModel<State> {
  readonly #recent: (number | null)[];

  constructor(state?: State) {
    this.#recent = [...(state?.recent ?? [])];
  }

  push(rate: number | null): void {
    this.#recent.push(rate);
    if (this.#recent.length > BINS) this.#recent.shift();
  }

  path(bins: number, _noise: CountNoise): Path | null {
    const model = new ArimaPredictor();
    model.fit(this.#recent);
    const steps = model.forecast(bins);
    if (steps.length === 0) return null;
    return { mean: steps.map(({ mean }) => mean), variance: steps.map(({ sd }) => sd * sd) };
  }

  save(): State {
    return { recent: [...this.#recent] };
  }
}
