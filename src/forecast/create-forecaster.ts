import type { LoadPredictorName } from '../config/types.js';
import { unreachable } from '../contract/errors.js';
import { BandedForecaster } from './banded.js';
import { ArimaModel } from './models/arima.js';
import { CombinedModel } from './models/combined.js';
import { ConstantModel } from './models/constant.js';
import { KalmanModel } from './models/kalman.js';
import { LinearModel } from './models/linear.js';
import { SeasonalModel } from './models/seasonal.js';
import type { ForecasterOptions, OnlineForecaster } from './online.js';
import { type ForecasterState, forecasterStateSchema } from './state.js';

/** What the combination is judged by, s: a short cold start and one bin. */
const HORIZON_SECONDS = 150;

/**
 * A forecaster that begins, or that goes on from a state of the same name and length of bin (`forecasterStateOf` checks one
 * that comes from outside). Throws `RangeError` for a bin of no length and for another's state.
 */
export function createForecaster(
  name: LoadPredictorName,
  options: ForecasterOptions,
  state?: ForecasterState,
): OnlineForecaster {
  const { binSeconds } = options;
  if (!(binSeconds > 0 && Number.isFinite(binSeconds)))
    throw new RangeError(`expected bins of more than 0 s, got ${binSeconds}`);
  if (state !== undefined && (state.name !== name || state.binSeconds !== binSeconds))
    throw new RangeError(
      `expected a state of ${name} with bins of ${binSeconds} s, got ${state.name} with ${state.binSeconds} s`,
    );
  switch (name) {
    case 'constant': {
      const model = new ConstantModel(state?.name === name ? state.model : undefined);
      return new BandedForecaster(
        name,
        binSeconds,
        model,
        (b) => ({ ...b, name, model: model.save() }),
        state,
      );
    }
    case 'linear': {
      const model = new LinearModel(state?.name === name ? state.model : undefined);
      return new BandedForecaster(
        name,
        binSeconds,
        model,
        (b) => ({ ...b, name, model: model.save() }),
        state,
      );
    }
    case 'arima': {
      const model = new ArimaModel(state?.name === name ? state.model : undefined);
      return new BandedForecaster(
        name,
        binSeconds,
        model,
        (b) => ({ ...b, name, model: model.save() }),
        state,
      );
    }
    case 'kalman': {
      const model = new KalmanModel(state?.name === name ? state.model : undefined);
      return new BandedForecaster(
        name,
        binSeconds,
        model,
        (b) => ({ ...b, name, model: model.save() }),
        state,
      );
    }
    case 'seasonal': {
      const model = new SeasonalModel(binSeconds, state?.name === name ? state.model : undefined);
      return new BandedForecaster(
        name,
        binSeconds,
        model,
        (b) => ({ ...b, name, model: model.save() }),
        state,
      );
    }
    case 'combined':
      return combined(binSeconds, state?.name === name ? state : undefined);
    default:
      return unreachable(name);
  }
}

function combined(
  binSeconds: number,
  state: Extract<ForecasterState, { name: 'combined' }> | undefined,
): OnlineForecaster {
  const constant = new ConstantModel(state?.model.constant);
  const linear = new LinearModel(state?.model.linear);
  const arima = new ArimaModel(state?.model.arima);
  const kalman = new KalmanModel(state?.model.kalman);
  const seasonal = new SeasonalModel(binSeconds, state?.model.seasonal);
  const horizon = Math.max(1, Math.ceil(HORIZON_SECONDS / binSeconds));
  const model = new CombinedModel(
    [constant, linear, arima, kalman, seasonal],
    horizon,
    state?.model.combination,
  );
  const save = () => ({
    constant: constant.save(),
    linear: linear.save(),
    arima: arima.save(),
    kalman: kalman.save(),
    seasonal: seasonal.save(),
    combination: model.save(),
  });
  return new BandedForecaster(
    'combined',
    binSeconds,
    model,
    (b) => ({ ...b, name: 'combined', model: save() }),
    state,
  );
}

/** A saved state, checked; null where it is none, or that of another forecaster or length of bin: begin anew. */
export function forecasterStateOf(
  value: unknown,
  name: LoadPredictorName,
  options: ForecasterOptions,
): ForecasterState | null {
  const parsed = forecasterStateSchema.safeParse(value);
  if (!parsed.success) return null;
  return parsed.data.name === name && parsed.data.binSeconds === options.binSeconds ? parsed.data : null;
}
