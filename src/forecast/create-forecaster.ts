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

const HORIZON_SECONDS = 150;
/** First weights of constant, linear, arima and seasonal in the combination: how they did on traffic of many kinds. */
const PRIOR = [0.15, 0.05, 0.3, 0.5];

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
      return combined(options, state?.name === name ? state : undefined);
    default:
      return unreachable(name);
  }
}

function combined(
  { binSeconds, horizonSeconds = HORIZON_SECONDS }: ForecasterOptions,
  state: Extract<ForecasterState, { name: 'combined' }> | undefined,
): OnlineForecaster {
  const constant = new ConstantModel(state?.model.constant);
  const linear = new LinearModel(state?.model.linear);
  const arima = new ArimaModel(state?.model.arima);
  const seasonal = new SeasonalModel(binSeconds, state?.model.seasonal);
  const horizon = Math.max(1, Math.ceil(horizonSeconds / binSeconds));
  const model = new CombinedModel(
    [constant, linear, arima, seasonal],
    PRIOR,
    horizon,
    state?.model.combination,
  );
  const save = () => ({
    constant: constant.save(),
    linear: linear.save(),
    arima: arima.save(),
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
