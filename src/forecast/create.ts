import type { LoadPredictorName } from '../config/types.js';
import { unreachable } from '../contract/errors.js';
import { ArimaPredictor } from './arima.js';
import { ConstantPredictor } from './constant.js';
import { createForecaster } from './create-forecaster.js';
import { LinearPredictor } from './linear.js';
import type { ForecastStep, LoadPredictor } from './predictor.js';

export function createPredictor(name: LoadPredictorName): LoadPredictor {
  switch (name) {
    case 'constant':
      return new ConstantPredictor();
    case 'linear':
      return new LinearPredictor();
    case 'arima':
      return new ArimaPredictor();
    case 'kalman':
    case 'seasonal':
    case 'combined':
      return new OnlineOverSeries(name);
    default:
      return unreachable(name);
  }
}

/** Quantiles one deviation about the middle of a normal distribution. */
const [LOW, HIGH] = [0.158655, 0.841345];

/** An online forecaster that is told a whole series. */
class OnlineOverSeries implements LoadPredictor {
  #forecaster;

  constructor(private readonly name: LoadPredictorName) {
    this.#forecaster = createForecaster(name, { binSeconds: 1 });
  }

  fit(series: readonly (number | null)[]): void {
    this.#forecaster = createForecaster(this.name, { binSeconds: 1 });
    for (const value of series) this.#forecaster.push(value);
  }

  forecast(steps: number): ForecastStep[] {
    return this.#forecaster
      .forecast(steps)
      .map((rates) => ({ mean: rates.mean, sd: (rates.quantile(HIGH) - rates.quantile(LOW)) / 2 }));
  }
}
