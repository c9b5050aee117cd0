import { SluiceError } from '../../contract/errors.js';
import { type ClassicPredictor, LoadBuffer } from './predictors.js';

const MIN_POINTS = 5;

/**
 * The window of Dynamo's Prophet predictor, and its answers below 5 values: the last one. Leaves out on purpose: the
 * model itself, a sampler in Stan that no Node package offers.
 */
export class ClassicProphetWindow implements ClassicPredictor {
  readonly #options: { log1p: boolean; windowSize: number };
  readonly #data = new LoadBuffer();

  constructor(options: { log1p: boolean; windowSize: number }) {
    this.#options = options;
  }

  /** The last `windowSize` values, in the scale of the model. */
  get buffer(): readonly number[] {
    const kept = this.#data.values.slice(-this.#options.windowSize);
    return this.#options.log1p ? kept.map((value) => Math.log1p(Math.max(0, value))) : kept;
  }

  add(value: number): void {
    this.#data.add(value);
  }

  /** @throws SluiceError invalid_config from 5 values on. */
  predictNext(): number {
    if (this.buffer.length < MIN_POINTS) return this.#data.last();
    throw new SluiceError(
      'invalid_config',
      'the Prophet predictor is not part of classic mode from 5 values on; use constant, arima or kalman',
    );
  }
}
